import { describe, expect, it } from "vitest";
import { parseDownTarget, refuseDependents, selectApplied } from "../../../scripts/core/downgrade.ts";
import { describeLosses } from "../../../scripts/core/downNotes.ts";
import { type Dependent, findBroken, findDrops } from "../../../scripts/core/drops.ts";
import type { LedgerRow } from "../../../scripts/core/history.ts";
import { LEDGER_COLUMNS } from "../../../scripts/core/ledger.ts";
import type { ServiceFacts } from "../../../scripts/core/plan.ts";
import { parseSql } from "../../../scripts/io/parser.ts";

const NAMES = ["20250101_a", "20250102_b", "20250103_c", "20250104_d"];

function row(name: string, changes: Partial<LedgerRow> = {}): LedgerRow {
  return {
    name,
    checksum: name,
    startedAt: 1,
    finishedAt: 2,
    rolledBackAt: null,
    steps: 1,
    logs: null,
    ...changes,
  };
}

/** Four migrations on disk, and those rows in the ledger. */
function facts(ledger: LedgerRow[], names = NAMES): ServiceFacts {
  return {
    service: { name: "auth", schema: "auth", schemas: ["auth"], dir: "/auth", schemaFile: "schema.prisma" },
    migrations: names.map((name) => ({ name, file: `/auth/${name}/migration.sql`, checksum: name })),
    ledger,
    schemaExists: true,
    ledgerColumns: LEDGER_COLUMNS,
    occupied: false,
    owner: "absent",
  };
}

const THREE = NAMES.slice(0, 3).map((name) => row(name));
const select = (text: string, from = facts(THREE)) => selectApplied(from, parseDownTarget(text));

describe("how far down", () => {
  it.each([
    ["", ["20250103_c"]],
    ["-0", []],
    ["-1", ["20250103_c"]],
    ["-3", ["20250103_c", "20250102_b", "20250101_a"]],
    ["base", ["20250103_c", "20250102_b", "20250101_a"]],
    ["_a", ["20250103_c", "20250102_b"]],
    ["20250103", []],
  ])('"%s" undoes %j', (text, selected) => {
    expect(select(text)).toMatchObject({ selected });
  });

  it.each([
    ["-4", 'auth: "-4" is below base'],
    ["_d", "auth: 20250104_d is not applied (current is 20250103_c)"],
    ["+1", 'auth: "+1" is not below 20250103_c'],
    ["head", 'auth: "head" is not below 20250103_c'],
    ["nothing", 'auth: no migration matches "nothing"'],
    ["2025", 'auth: "2025" could be 4 migrations'],
  ])('"%s" is refused', (text, fact) => {
    expect(select(text)).toMatchObject({ refusal: { fact, status: 2 } });
  });

  it("counts no row that is rolled back, and one migration once however many rows it has", () => {
    const twice = [...THREE, row("20250103_c"), row("20250104_d", { rolledBackAt: 3 })];
    expect(select("-1", facts(twice))).toMatchObject({ selected: ["20250103_c"] });
  });

  it("minds what is missing or edited only where it is to be undone", () => {
    const missing = facts(THREE, ["20250101_a", "20250103_c", "20250104_d"]);
    expect(select("-1", missing)).toMatchObject({ selected: ["20250103_c"] });
    expect(select("-2", missing)).toMatchObject({
      refusal: { fact: expect.stringMatching("20250102_b is applied but missing") },
    });
    const edited = facts([row("20250101_a"), row("20250102_b", { checksum: "other" }), row("20250103_c")]);
    expect(select("-1", edited)).toMatchObject({ selected: ["20250103_c"] });
    expect(select("-2", edited)).toMatchObject({
      refusal: { fact: "auth: 20250102_b was edited after being applied" },
    });
  });

  it("goes nowhere while something has failed", () => {
    const failed = facts([...THREE.slice(0, 2), row("20250103_c", { finishedAt: null })]);
    expect(select("-1", failed)).toMatchObject({ refusal: { fix: "schemata repair --app auth" } });
  });
});

describe("what other services need", () => {
  const billing = {
    service: "billing",
    migration: "20250201_x",
    dependsOn: [{ service: "auth", migration: "20250102_b" }],
  };

  it("refuses to undo what an applied migration names, and nothing else", () => {
    expect(refuseDependents("auth", ["20250103_c"], [billing])).toBeUndefined();
    expect(refuseDependents("auth", ["20250103_c", "20250102_b"], [billing])).toMatchObject({
      fact: "auth: 20250102_b cannot be undone, since billing/20250201_x depends on it",
    });
    expect(refuseDependents("orders", ["20250102_b"], [billing])).toBeUndefined();
  });

  const key: Dependent = {
    schema: "billing",
    table: "invoices",
    constraint: "invoices_user",
    referenced: "users",
    columns: ["id"],
    index: "users_pkey",
  };
  it.each([
    ["DROP TABLE users", true],
    ['DROP TABLE IF EXISTS auth."users" CASCADE', true],
    ["DROP TABLE roles", false],
    ["DROP TABLE other.users", false],
    ["ALTER TABLE users DROP COLUMN id", true],
    ["ALTER TABLE users DROP COLUMN email", false],
    ["ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE", true],
    ["ALTER TABLE users DROP CONSTRAINT small", false],
    ["ALTER TABLE users RENAME TO people; DROP TABLE people", true],
    ["ALTER TABLE users RENAME id TO key; ALTER TABLE users DROP key", true],
    ["ALTER TABLE roles RENAME TO users_2; DROP TABLE users_2", false],
    ["DROP SCHEMA auth CASCADE", true],
    ["DELETE FROM users", false],
  ])("%s breaks a foreign key: %s", async (sql, breaks) => {
    const parsed = await parseSql(sql);
    const drops = findDrops(parsed.ok ? parsed.statements : []);
    expect(findBroken("auth", drops, [key]) !== undefined).toBe(breaks);
  });
});

describe("what is lost", () => {
  it("is what the head of down.sql says", async () => {
    const sql = `-- Undoes 20250102_b.\n-- proven: ${"0".repeat(64)}\n-- The e-mail addresses are lost.\n\nDROP TABLE x;\n-- not the head\n`;
    expect(describeLosses(sql, [{ kind: "table", schema: undefined, name: "x" }])).toEqual([
      "The e-mail addresses are lost.",
    ]);
  });

  it.each([
    ["what Prisma writes above its statements", "-- Lost.\n\n-- DropForeignKey\nALTER TABLE x;", ["Lost."]],
    ["nor without a head", "-- DropForeignKey\nALTER TABLE x;", []],
    ["what is right above the first statement", "-- Lost.\n\n-- first the child\nDROP TABLE x;", ["Lost."]],
    ["nor where the file ends in comments", "-- Lost.\n\n-- All of it.", ["Lost.", "All of it."]],
    [
      "paragraphs of a head",
      "\uFEFF\r\n-- Lost.\r\n--\r\n-- All.\r\n\r\n-- Too.\r\n\r\nSELECT 1;",
      ["Lost.", "All.", "Too."],
    ],
    [
      "what only tools read",
      "-- Undoes 1 a.\n-- depends-on: a/1\n-- transfers: {}\n-- schemata:allow x because y\n-- squawk-ignore ban-drop-table\nDROP TABLE x;",
      [],
    ],
    [
      "a head that touches the statement",
      "-- The addresses are lost.\nDROP TABLE x;",
      ["The addresses are lost."],
    ],
  ])("%s", (_, sql, losses) => {
    expect(describeLosses(sql, [])).toEqual(losses);
  });

  it("or, where it says nothing, what is dropped", () => {
    const drops = [
      { kind: "table", schema: undefined, name: "x" },
      { kind: "index", schema: undefined, name: "i" },
      { kind: "column", schema: undefined, table: "t", name: "c" },
    ] as const;
    expect(describeLosses("\nDROP TABLE x;", drops)).toEqual([
      'drops the table "x" with its rows',
      'drops the column "t"."c" with its values',
    ]);
  });
});
