import { describe, expect, test } from "vitest";
import { guardScript } from "../../../scripts/core/guard/guard.ts";
import { mayHaveFindings } from "../../../scripts/core/guard/prefilter.ts";
import { agrees, readReturn, readTransfer } from "../../../scripts/core/transfer/lend.ts";
import { renderArrival, renderDeparture } from "../../../scripts/core/transfer/migrations.ts";
import { editSchemaFiles } from "../../../scripts/core/transfer/schemaFiles.ts";
import { isMove, renderMove } from "../../../scripts/core/transfer/sql.ts";
import { parseMark, reverseTransfer, type Transfer } from "../../../scripts/core/transfer/transfer.ts";
import { loadSqlParser } from "../../../scripts/io/parser.ts";

const parser = await loadSqlParser();
const PLAIN: Transfer = { table: "profile", from: "auth", to: "billing", types: ["kind"], statistics: ["s"] };
const HOSTILE: Transfer = {
  table: `it's "; DROP TABLE x; -- %I \\ $$ $body1$\n--`,
  from: `a"b'c$$`,
  to: "ö.ß\u2028",
  types: ["e'}\\"],
  statistics: [],
};
const around = { dependsOn: [{ service: "auth", migration: "1_init" }], from: "auth", to: "billing" };
const script = (schema: string, sql: string) => ({
  ...{ service: "billing", schema, migration: "2_t", sql },
  shown: "services/billing/migrations/2_t/migration.sql",
});

describe.each([
  ["plain", PLAIN],
  ["hostile", HOSTILE],
])("a transfer of %s names", (_, transfer) => {
  const arrival = renderArrival(transfer, around);
  const departure = renderDeparture(transfer, {
    ...around,
    dependsOn: [{ service: "billing", migration: "2_t" }],
  });

  test("is known by its mark, to the letter, and the way back by the migration that it undoes", () => {
    expect(parseMark(arrival)).toEqual({ half: "arrival", transfer });
    expect(parseMark(departure)).toEqual({ half: "departure", transfer });
    expect(readTransfer(script(transfer.to, arrival))).toEqual({ transfer });
    expect(readTransfer(script(transfer.from, departure))).toEqual({});
    const down = `-- Undoes 2_t.\r\n\r\n${renderMove(reverseTransfer(transfer)).replaceAll("\n", "\r\n")}`;
    expect(readReturn(script(transfer.to, arrival), script(transfer.to, down))).toEqual({ transfer });
    expect(readReturn(script(transfer.to, arrival), script(transfer.to, `${down};`))).toHaveProperty(
      "problem",
    );
    expect(agrees([{ sql: departure }], transfer, "billing/2_t")).toBe(true);
    expect(agrees([{ sql: departure }], transfer, "billing/3_t")).toBe(false);
    expect(agrees([{ sql: arrival }], transfer, "billing/2_t")).toBe(false);
  });

  test("is SQL that the guard passes as declared", () => {
    for (const [schema, sql] of [
      [transfer.to, arrival],
      [transfer.from, departure],
    ] as const) {
      const ownership = {
        service: "s",
        schema,
        references: new Map(),
        otherSchemas: [],
        extensions: [],
        dependents: [],
      };
      expect(guardScript({ file: "migration.sql", sql }, ownership, parser).findings).toEqual([]);
      const more = guardScript({ file: "migration.sql", sql: `${sql}\nSELECT 1;` }, ownership, parser);
      expect(more.findings.map(({ rule }) => rule)).toEqual(["transfer"]);
    }
  });
});

test.each([
  ["a statement more", (sql: string) => `${sql}DROP TABLE x;\n`],
  ["a statement before", (sql: string) => `DROP TABLE x;\n${sql}`],
  ["one in the head, behind a carriage return", (sql: string) => `-- x\rDROP TABLE x;\n${sql}`],
  ["a comment less", (sql: string) => sql.replace(/^-- Whoever.*\n/m, "")],
  ["other names in the body", (sql: string) => sql.replace('"auth"."profile"', '"auth"."users"')],
  ["other names in the mark", (sql: string) => sql.replace('"table":"profile"', '"table":"users"')],
  ["names that are none", (sql: string) => sql.replace('"table":"profile"', '"table":7')],
  ["a mark that is no JSON", (sql: string) => sql.replace('"table":', "table:")],
  ["another schema's history", (sql: string) => sql.replaceAll("billing", "shop")],
])("%s is no transfer", (_, forge) => {
  const forged = forge(renderArrival(PLAIN, around));
  const isRead = parseMark(forged) !== undefined;
  const read = readTransfer(script("billing", forged));
  // A statement before the mark makes it a comment like any other.
  expect(isRead ? "problem" in read : read).toEqual(isRead ? true : {});
  expect(isMove(forged, PLAIN) && isRead && !("problem" in read)).toBe(false);
  expect(mayHaveFindings("-- transfers: {}\nSELECT 1;\n")).toBe(true);
});

const file = (name: string, models: string, ...more: string[]) => ({
  ...{ name, schema: name, file: `services/${name}/schema.prisma` },
  text: `datasource db {\n  provider = "postgresql"\n  schemas  = ${JSON.stringify([name, ...more]).replaceAll(",", ", ")}\n}\n\n${models}`,
});
const lines = (text: string) => text.slice(text.indexOf("\n}\n") + 4);

describe("schema files", () => {
  test("come together where the one that takes had repeated the model, whatever it called it", () => {
    const auth = file(
      "auth",
      `model Customer {
  id Int @id
  accounts Account[]
  @@map("customer")
  @@schema("billing")
}

// Who signs in.
model Account {
  /// by hand
  id Int @id
  customerId Int
  customer Customer @relation(fields: [customerId], references: [id])
  @@map("account")
  @@schema("auth")
}
`,
      "billing",
    );
    const billing = file(
      "billing",
      `model Customer {
  id Int @id
  @@map("customer")
  @@schema("billing")
}

model Login {
  id Int @id
  bills Bill[]
  @@map("account")
  @@schema("auth")
}

model Bill {
  id Int @id
  loginId Int
  login Login @relation(fields: [loginId], references: [id])
  @@schema("billing")
}
`,
      "auth",
    );
    const edited = editSchemaFiles(auth, billing, { model: "Account", types: [] });
    expect(edited.from).toContain('schemas  = ["auth"]');
    expect(lines(edited.from)).toBe("");
    expect(edited.to).toContain('schemas  = ["billing"]');
    expect(lines(edited.to)).toMatchInlineSnapshot(`
      "model Customer {
        id Int @id
        accounts Login[]
        @@map("customer")
        @@schema("billing")
      }

      // Who signs in.
      model Login {
        /// by hand
        id Int @id
        customerId Int
        customer Customer @relation(fields: [customerId], references: [id])
        bills Bill[]
        @@map("account")
        @@schema("billing")
      }

      model Bill {
        id Int @id
        loginId Int
        login Login @relation(fields: [loginId], references: [id])
        @@schema("billing")
      }
      "
    `);
  });

  test("keep their line ends, comments and what is not touched", () => {
    const auth = file("auth", 'model A {\n  id Int @id // one\n\n  @@schema("auth")\n}\n\n/* rest */\n');
    const edited = editSchemaFiles(
      { ...auth, text: auth.text.replaceAll("\n", "\r\n") },
      file("billing", ""),
      { model: "A", types: [] },
    );
    expect(edited.from).toBe(
      `${auth.text.slice(0, auth.text.indexOf("model"))}/* rest */\n`.replaceAll("\n", "\r\n"),
    );
    expect(lines(edited.to)).toBe('model A {\n  id Int @id // one\n\n  @@schema("billing")\n}\n');
  });

  test("are refused where a table in between has no model", () => {
    const auth = file(
      "auth",
      'model A {\n  id Int @id\n  bs B[]\n  @@schema("auth")\n}\nmodel B {\n  id Int @id\n  as A[]\n  @@schema("auth")\n}\n',
    );
    expect(() => editSchemaFiles(auth, file("billing", ""), { model: "A", types: [] })).toThrow(
      /refer to many of each other/,
    );
  });
});
