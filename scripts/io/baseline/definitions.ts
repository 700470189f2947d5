import {
  type Definition,
  type Need,
  orderDefinitions,
  renderDefinitions,
} from "../../core/baseline/order.ts";
import type { ColumnDefinition, WrittenSchema } from "../../core/baseline/written.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import type { Client } from "../postgres/connect.ts";
import { COLUMNS_SQL, DEFINITION_SQL, NEEDS_SQL } from "./definitionsSql.ts";

type Row = [id: string, phase: number, age: string, aliases: string[], create: string[], drop: string[]];

/** Writes a schema down from the catalog, within the transaction that is open: a script that makes it, and its reversal. */
export async function readDefinitions(client: Client, schema: string): Promise<{ up: string; down: string }> {
  const { definitions, needs } = await readObjects(client, schema);
  return renderDefinitions(orderDefinitions(definitions, needs));
}

/** The same in parts, to be held against another state. */
export async function readWritten(client: Client, schema: string): Promise<WrittenSchema> {
  const objects = await readObjects(client, schema);
  const { rows } = await client.query<ColumnDefinition>(COLUMNS_SQL, [schema]);
  return { ...objects, columns: rows };
}

async function readObjects(client: Client, schema: string): Promise<Omit<WrittenSchema, "columns">> {
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
  const definitions: Definition[] = [];
  for (const text of DEFINITION_SQL) {
    const { rows } = await client.query<Row>({ text, values: [schema], rowMode: "array" });
    for (const [id, phase, age, aliases, create, drop] of rows) {
      definitions.push({ id, phase, age: Number(age), aliases: aliases ?? [], create, drop });
    }
  }
  const needs = await client.query<Need>(NEEDS_SQL);
  return { definitions, needs: needs.rows };
}
