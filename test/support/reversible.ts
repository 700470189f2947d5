import { join } from "node:path";
import { makeWorkspace, type TestWorkspace } from "./workspace.ts";

/** A migration with its reversal, written by hand; without `down` there is no down.sql. */
export interface Reversible {
  name: string;
  up: string;
  down?: string;
}

/** Writes a workspace whose services have migrations with their reversals. */
export function makeReversibleWorkspace(services: Record<string, readonly Reversible[]>): TestWorkspace {
  const workspace = makeWorkspace(
    Object.fromEntries(
      Object.entries(services).map(([service, migrations]) => [
        service,
        { migrations: Object.fromEntries(migrations.map(({ name, up }) => [name, up])) },
      ]),
    ),
  );
  for (const [service, migrations] of Object.entries(services)) {
    for (const { name, down } of migrations)
      if (down !== undefined) writeDown(workspace, { service, name, down });
  }
  return workspace;
}

/** Writes down.sql beside a migration. */
export function writeDown(
  workspace: TestWorkspace,
  { service, name, down }: { service: string; name: string; down: string },
): void {
  workspace.write(join("services", service, "migrations", name, "down.sql"), down);
}
