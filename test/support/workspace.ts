import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { inject } from "vitest";

/** The project under test, whose packages a workspace made for a test borrows. */
export const CHECKOUT = resolve(import.meta.dirname, "../..");

export interface ServiceFiles {
  /** The Postgres schema, where it is not called like the service. */
  schema?: string;
  /** Further schemas that the schema file lists. */
  alsoSchemas?: readonly string[];
  /** Models, enums and views, without the datasource block. */
  models?: string;
  /** Scripts by name, such as `20250101000000_init`. */
  migrations?: Record<string, string | Buffer>;
}

/** A workspace on disk that lives as long as the test run. */
export interface TestWorkspace {
  root: string;
  /** Writes a file, path relative to the workspace, folders included. */
  write(path: string, content: string | Buffer): void;
  writeMigration(service: string, name: string, script: string | Buffer): void;
  remove(path: string): void;
}

/** Writes a workspace with minimal valid schema files; stock Prisma's packages resolve in it as in the checkout. */
export function makeWorkspace(services: Record<string, ServiceFiles>): TestWorkspace {
  const root = mkdtempSync(join(inject("run").folder, "workspace-"));
  const workspace: TestWorkspace = {
    root,
    write(path, content) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    },
    writeMigration(service, name, script) {
      workspace.write(join("services", service, "migrations", name, "migration.sql"), script);
    },
    remove: (path) => rmSync(join(root, path), { recursive: true }),
  };
  mkdirSync(join(root, "services"));
  symlinkSync(join(CHECKOUT, "node_modules"), join(root, "node_modules"), "junction");
  workspace.write("package.json", '{ "private": true, "type": "module" }\n');
  for (const [name, files] of Object.entries(services)) writeService(workspace, name, files);
  return workspace;
}

function writeService(workspace: TestWorkspace, name: string, files: ServiceFiles): void {
  const folder = join("services", name);
  const schemas = [files.schema ?? name, ...(files.alsoSchemas ?? [])];
  const datasource = `datasource db {\n  provider = "postgresql"\n  schemas  = ${JSON.stringify(schemas)}\n}\n`;
  workspace.write(join(folder, "schema.prisma"), `${datasource}\n${files.models ?? ""}`);
  if (!files.migrations) return;
  workspace.write(join(folder, "migrations", "migration_lock.toml"), 'provider = "postgresql"\n');
  for (const [migration, script] of Object.entries(files.migrations)) {
    workspace.writeMigration(name, migration, script);
  }
}
