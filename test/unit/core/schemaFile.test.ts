import { describe, expect, it } from "vitest";
import { parseSchemaFile, withoutModels } from "../../../scripts/core/schemaFile.ts";

const where = { service: "auth", file: "services/auth/schema.prisma" };
const parse = (text: string) => parseSchemaFile(text, where);
const problemOf = (text: string) => {
  const parsed = parse(text);
  return "problem" in parsed ? parsed.problem : undefined;
};

describe("parseSchemaFile", () => {
  it.each([
    ['datasource db { provider = "postgresql" schemas = ["auth"] }', ["auth"]],
    [
      'datasource db {\n  provider = "postgresql"\n  schemas  = [ "billing" , "auth" ]\n}',
      ["billing", "auth"],
    ],
    ['generator client { provider = "prisma-client" }\ndatasource db { schemas = ["order"] }', ["order"]],
    ['datasource db { schemas = ["we\\"ird; DROP"] }', ['we"ird; DROP']],
    ['// datasource db { schemas = ["no"] }\ndatasource db { schemas = ["yes"] }', ["yes"]],
    ['/* datasource db { schemas = ["no"] } */ datasource db { schemas = ["yes"] } // end', ["yes"]],
    ['datasource db {\n  // schemas = ["no"]\n  schemas = ["yes", // and\n  "more"]\n}', ["yes", "more"]],
    [
      'model datasource { id Int @id @default(dbgenerated("}")) }\ndatasource db { schemas = ["Übung 1"] }',
      ["Übung 1"],
    ],
    ['datasource db { schemas = ["http://x"] }', ["http://x"]],
  ])("reads %s", (text, schemas) => {
    expect(parse(text)).toEqual({ schemas });
  });

  it.each([
    ["", "auth: services/auth/schema.prisma has no datasource block"],
    ["model User { id Int @id }", "auth: services/auth/schema.prisma has no datasource block"],
    [
      'datasource db { provider = "postgresql" }',
      "auth: services/auth/schema.prisma names no schema of its own",
    ],
    ["datasource db { schemas = [] }", "auth: services/auth/schema.prisma names no schema of its own"],
    [
      `datasource db { schemas = ["${"ä".repeat(32)}"] }`,
      `auth: services/auth/schema.prisma names the schema "${"ä".repeat(32)}"`,
    ],
    ['datasource db { schemas = ["a", ""] }', 'auth: services/auth/schema.prisma names the schema ""'],
    [
      'datasource db { schemas = ["pg_mine"] }',
      'auth: services/auth/schema.prisma names the schema "pg_mine"',
    ],
  ])("refuses %s", (text, fact) => {
    expect(problemOf(text)?.fact).toBe(fact);
    expect(problemOf(text)?.fix).toBeTruthy();
  });

  it("takes a string that its line breaks off for no name", () => {
    expect(problemOf('datasource db {\n  schemas = ["auth]\n}')?.fact).toContain('names the schema ""');
  });

  it("finds the datasource block behind whatever looks like one", () => {
    expect(
      parse(
        '// datasource db {\nmodel datasource {\n  datasource Int\n}\ngenerator g { datasource = "x {" }\ndatasource ünï-1 { /* } */ schemas = ["a", "é}"] }\nmodel B { schemas String[] }',
      ),
    ).toEqual({ schemas: ["a", "é}"] });
  });

  it("allows 63 bytes and no more", () => {
    expect(parse(`datasource db { schemas = ["${"a".repeat(63)}"] }`)).toEqual({ schemas: ["a".repeat(63)] });
    expect(problemOf(`datasource db { schemas = ["${"a".repeat(64)}"] }`)?.why).toBe(
      "a Postgres name has 1 to 63 bytes, this one 64",
    );
  });
});

describe("withoutModels", () => {
  it.each([
    [
      'generator client {\n  provider = "x"\n}\n\nmodel User {\n  id Int @id // {\n}\n\ndatasource db {\n  schemas = ["a}"] // }\n}\n',
      'generator client {\n  provider = "x"\n}\n\n\n\n\n\ndatasource db {\n  schemas = ["a}"] // }\n}\n',
    ],
    ["/* datasource no { } */\ndatasource db { }\nenum generator { A }", "\ndatasource db { }\n"],
    ["model datasource { generator Int }", ""],
    ["datasource db {", "datasource db {"],
    ["", ""],
  ])("keeps settings on their lines: %j", (text, settings) => {
    expect(withoutModels(text)).toBe(settings);
  });
});
