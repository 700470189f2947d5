import type { Claim, SchemaContents } from "../../core/evidence.ts";
import { quoteIdent } from "../../core/sql.ts";
import type { Client } from "./connect.ts";

const QUERY = `
  WITH s AS (SELECT to_regnamespace($1) AS oid)
  SELECT 'relation' AS kind, c.relname::text AS name FROM pg_class c, s WHERE c.relnamespace = s.oid
  UNION ALL
  SELECT 'index', c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid, s WHERE c.relnamespace = s.oid AND i.indisvalid
  UNION ALL
  SELECT 'column', c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, s
   WHERE c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT 'constraint', c.relname || '.' || k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid, s WHERE c.relnamespace = s.oid
  UNION ALL
  SELECT 'type', t.typname FROM pg_type t, s WHERE t.typnamespace = s.oid AND t.typtype IN ('e', 'd', 'r', 'c')
  UNION ALL
  SELECT 'label', t.typname || '.' || e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid, s WHERE t.typnamespace = s.oid
  UNION ALL
  SELECT 'trigger', c.relname || '.' || g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid, s WHERE c.relnamespace = s.oid AND NOT g.tgisinternal`;

/** What a schema holds, by name. */
export async function readContents(client: Client, schema: string): Promise<SchemaContents> {
  const { rows } = await client.query<{ kind: Claim["kind"]; name: string }>(QUERY, [quoteIdent(schema)]);
  const contents = {
    relation: new Set<string>(),
    index: new Set<string>(),
    column: new Set<string>(),
    constraint: new Set<string>(),
    type: new Set<string>(),
    label: new Set<string>(),
    trigger: new Set<string>(),
  };
  for (const { kind, name } of rows) contents[kind].add(name);
  return contents;
}
