import { hash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { engineCommit } from "../../../prisma/engine/load.ts";
import type { Migration } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { keepFile } from "../keepFile.ts";

/** A history's database is equal to a schema file, as the engine compares them. */
export interface Agreement {
  /** The schema file. */
  text: string;
  /** But for these tables and enums of the service's own schema, by their names in the database. */
  except: string[];
}

/** What a database at a service's head is made of. */
export interface History {
  service: Service;
  /** `server_version_num`. */
  version: number;
  migrations: readonly Pick<Migration, "name" | "checksum">[];
  /** The services whose schemas it refers to, with all of their migrations. */
  others: readonly { service: Service; migrations: readonly Pick<Migration, "name" | "checksum">[] }[];
}

/** Changed whenever an agreement means something else than before. */
const FORMAT = 1;

/** How many are kept of each service at least: of branches that somebody goes back and forth between, and of trials. */
const KEPT = 8;

/**
 * What the last revision of the same history in this workspace found, kept in a file. One that is missing or makes no
 * sense costs time, nothing else.
 */
export function findAgreement(history: History): Agreement | undefined {
  try {
    const found = JSON.parse(readFileSync(fileOf(history), "utf8")) as Partial<Agreement> | null;
    if (typeof found?.text !== "string" || !Array.isArray(found.except)) return undefined;
    return found.except.every((name) => typeof name === "string") ? (found as Agreement) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps an agreement for the next revision; one that is kept already stays. */
export function keepAgreement(history: History, agreement: Agreement, kept?: Agreement): void {
  if (kept?.text === agreement.text && kept.except.join("\0") === agreement.except.join("\0")) return;
  keepFile(fileOf(history), JSON.stringify(agreement));
  dropOld(folderOf(history.service), prefixOf(history.service));
}

function dropOld(folder: string, prefix: string): void {
  try {
    const files = readdirSync(folder).filter((name) => name.startsWith(prefix));
    if (files.length < 3 * KEPT) return;
    const aged = files.map((name) => ({
      path: join(folder, name),
      age: -statSync(join(folder, name)).mtimeMs,
    }));
    for (const { path } of aged.sort((a, b) => a.age - b.age).slice(KEPT)) rmSync(path, { force: true });
  } catch {
    // A folder that cannot be read, or another run that does the same.
  }
}

function folderOf({ dir }: Service): string {
  return join(dir, "../../.schemata/agreements");
}

function prefixOf({ name }: Service): string {
  return hash("sha256", name).slice(0, 12);
}

function fileOf({ service, version, migrations, others }: History): string {
  const list = (some: History["migrations"]) => some.map(({ name, checksum }) => [name, checksum]);
  const facts = [
    ...[FORMAT, engineCommit(), version, service.name, service.schemas, list(migrations)],
    others.map((other) => [other.service.name, other.service.schemas, list(other.migrations)]),
  ];
  const digest = hash("sha256", JSON.stringify(facts)).slice(0, 24);
  return join(folderOf(service), `${prefixOf(service)}-${digest}.json`);
}
