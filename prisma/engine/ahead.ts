import type { SqlQuery, SqlResultSet } from "@prisma/driver-adapter-utils";
import type pg from "pg";
import { quoteLiteral } from "../../scripts/core/sql.ts";
import { RAW_TYPES, toResultSet } from "./values.ts";

/** A query by which the engine reads a catalog; its arguments by what they stand for. */
export interface Question {
  sql: string;
  args: readonly ("own" | "schemas")[];
}

/** What an engine of this commit asked earlier on this version of the server: it will ask the same again. */
export interface Habits {
  questions: readonly Question[];
  /** Hears what it asked this time, when that was not foreseen. */
  learn(questions: readonly Question[]): void;
}

/** What engines asked of a service that lists these schemas. */
export interface Foresight {
  schemas: readonly string[];
  habits: Habits;
}

/** What the arguments stand for: a service's own schema, and all that its schema file lists. */
export interface Meanings {
  own: string;
  schemas: readonly string[];
  /** Tables and enums that alone matter, by their names without schema: the server need not read the others. */
  only?: { tables: readonly string[]; enums: readonly string[] };
}

/** Answers by {@link keyOf}; `undefined` is one that has to be asked for after all. */
export type Answers = Map<string, Promise<SqlResultSet | undefined>>;

/** Two queries with the same key are the same question. Lists are of schemas, and the engine has an order of its own. */
export function keyOf({ sql, args }: Pick<SqlQuery, "sql" | "args">): string {
  return `${sql}\0${JSON.stringify(args.map(sortList))}`;
}

function sortList(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted() : value;
}

/** A query of the engine as a question of any service; `undefined` where it is about something else. */
export function toQuestion({ sql, args }: SqlQuery, { own, schemas }: Meanings): Question | undefined {
  const meanings = args.map((arg) => {
    if (arg === own) return "own";
    return JSON.stringify(sortList(arg)) === JSON.stringify(sortList(schemas)) ? "schemas" : undefined;
  });
  const known = meanings.filter((meaning) => meaning !== undefined);
  return known.length === args.length ? { sql, args: known } : undefined;
}

/**
 * Asks questions in one message within the transaction that is open on the connection, before the engine does: the
 * server answers while the engine is being started. A failure leaves them to the engine.
 */
export function askAhead(
  client: pg.Client,
  questions: readonly Question[],
  { own, schemas, only }: Meanings,
): Answers {
  const values = { own, schemas: [...schemas] };
  const message = [
    "SAVEPOINT ahead",
    only ? PLAN_LESS : PLAN_NO_LOOPS,
    ...questions.map(({ sql, args }) =>
      narrowQuestion(
        renderQuestion(
          sql,
          args.map((arg) => renderValue(values[arg])),
        ),
        only,
      ),
    ),
  ].join("\n;\n");
  const answered = client.query({ text: message, rowMode: "array", types: RAW_TYPES }).then(
    (results) => ([results].flat() as pg.QueryArrayResult[]).slice(2).map(toResultSet),
    () => [],
  );
  // A message of its own, so that after a failure, too, what is sent next finds the transaction as it was.
  const settled = client.query("ROLLBACK TO SAVEPOINT ahead").then(
    () => answered,
    () => [],
  );
  return new Map(
    questions.map(({ sql, args }, index) => [
      keyOf({ sql, args: args.map((arg) => values[arg]) }),
      settled.then((answers) => answers[index]),
    ]),
  );
}

/** Where the planner misjudges what it reads, it loops over all constraints for each index: ten times as long. */
const PLAN_NO_LOOPS = "SET LOCAL enable_nestloop = off";

/** With few rows to come, planning is what takes the time. */
const PLAN_LESS = `SELECT set_config('enable_mergejoin', 'off', true),
  set_config('join_collapse_limit', '4', true), set_config('from_collapse_limit', '4', true)`;

/** The planner takes the condition into the query, so that the rest of a large schema is not even read. */
function narrowQuestion(sql: string, only: Meanings["only"]): string {
  const [column, names] = /\btable_name\b/.test(sql)
    ? ["table_name", only?.tables]
    : /\bpg_enum\b/.test(sql)
      ? ["name", only?.enums]
      : [];
  if (!names) return sql;
  const query = sql.trim().replace(/;$/, "");
  return `SELECT * FROM (${query}\n) question WHERE question.${column} = ANY (${renderValue(names)})`;
}

function renderQuestion(sql: string, values: readonly string[]): string {
  return sql.replaceAll(/\$(\d+)/g, (parameter, number) => values[number - 1] ?? parameter);
}

/** As a literal without a type, which the server takes for what the query needs there, like a parameter. */
function renderValue(value: string | readonly string[]): string {
  if (typeof value === "string") return quoteLiteral(value);
  const items = value.map((item) => `"${item.replaceAll(/["\\]/g, "\\$&")}"`);
  return quoteLiteral(`{${items.join(",")}}`);
}
