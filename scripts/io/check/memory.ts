import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { engineCommit } from "../../../prisma/engine/load.ts";
import type { Migration } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { SHADOW_MARK } from "../../core/shadow.ts";
import { quoteIdent } from "../../core/sql.ts";
import { type Client, sqlState } from "../postgres/connect.ts";

const TABLE = `${quoteIdent(SHADOW_MARK)}.memory`;

/** What was worked out on the shadow database, and holds as long as what it was worked out from is the same. */
export interface Memory {
  /** A digest of the content that was remembered under this digest of its sources. */
  recall(schema: string, kind: string, sources: string): string | undefined;
  /** The content, whatever it was worked out from; not of catalogs, which are large and rarely looked at. */
  recallText(schema: string, kind: string): string | undefined;
  /** The content that was remembered. */
  read(schema: string, kind: string): Promise<string>;
  remember(schema: string, kind: string, fact: { sources: string; content: string }): Promise<string>;
}

/** Opens the memory that lies in the shadow database. One that cannot be used remembers nothing, and is no failure. */
export async function openMemory(client: Client): Promise<Memory> {
  const known = new Map<string, Row>();
  const key = (schema: string, kind: string) => JSON.stringify([schema, kind]);
  for (const row of await readAll(client)) known.set(key(row.schema, row.kind), row);
  return {
    recall: (schema, kind, sources) => {
      const found = known.get(key(schema, kind));
      return found?.sources === sources ? found.fingerprint : undefined;
    },
    recallText: (schema, kind) => known.get(key(schema, kind))?.text ?? undefined,
    read: async (schema, kind) => {
      const { rows } = await client.query(`SELECT content FROM ${TABLE} WHERE schema = $1 AND kind = $2`, [
        schema,
        kind,
      ]);
      return rows[0]?.content ?? "";
    },
    remember: async (schema, kind, { sources, content }) => {
      const fingerprint = hash("sha256", content);
      await write(client, [schema, kind, sources, fingerprint, content]).catch(ignoreDatabase);
      return fingerprint;
    },
  };
}

interface Row {
  schema: string;
  kind: string;
  sources: string;
  fingerprint: string;
  /** The content, but for catalogs. */
  text: string | null;
}

async function readAll(client: Client): Promise<Row[]> {
  try {
    const text = `CASE WHEN kind <> 'catalog' THEN content END AS text`;
    const { rows } = await client.query<Row>(
      `SELECT schema, kind, sources, fingerprint, ${text} FROM ${TABLE}`,
    );
    return rows;
  } catch (error) {
    ignoreDatabase(error);
    return [];
  }
}

async function write(client: Client, row: readonly string[]): Promise<void> {
  const insert = () =>
    client.query(
      `INSERT INTO ${TABLE} (schema, kind, sources, fingerprint, content) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (schema, kind) DO UPDATE
         SET sources = excluded.sources, fingerprint = excluded.fingerprint, content = excluded.content`,
      [...row],
    );
  try {
    await insert();
  } catch (error) {
    if (sqlState(error) !== "42P01") throw error;
    // Of two that create it at once, one may collide all the same.
    await client
      .query(
        `CREATE TABLE IF NOT EXISTS ${TABLE} (schema text, kind text, sources text NOT NULL,
           fingerprint text NOT NULL, content text NOT NULL, PRIMARY KEY (schema, kind))`,
      )
      .catch(ignoreDatabase);
    await insert();
  }
}

/** Another role's memory may not be ours to use; what is not of the database is a defect. */
function ignoreDatabase(error: unknown): void {
  if (sqlState(error) === undefined) throw error;
}

/** What an answer about a service rests on, beside its schema file. */
export interface Sources {
  /** `server_version_num` of the shadow database. */
  version: number;
  service: Service;
  migrations: readonly Migration[];
  /** The services that its history or its schema file names, and all of their migrations. */
  others: readonly { service: Service; migrations: readonly Migration[] }[];
  /** Further texts that the answer depends on. */
  texts?: readonly string[];
}

/** A digest of everything that could change the answer: the tool and the engine as they are, versions, files. */
export function digestSources({ version, service, migrations, others, texts = [] }: Sources): string {
  const history = (list: readonly Migration[]) => list.map(({ name, checksum }) => [name, checksum]);
  const facts = [
    ...[toolBuild(), engineCommit(), version, service.schemas, history(migrations), texts],
    others.map((other) => [other.service.schemas, history(other.migrations)]),
  ];
  return hash("sha256", JSON.stringify(facts));
}

let build: string | undefined;

/** All of the tool is built into the file that this code lies in. */
function toolBuild(): string {
  build ??= hash("sha256", readFileSync(fileURLToPath(import.meta.url)));
  return build;
}
