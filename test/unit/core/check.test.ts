import { describe, expect, test } from "vitest";
import { compareDrift, splitCatalog } from "../../../scripts/core/check/drift.ts";
import { type CheckReport, renderAnnotations } from "../../../scripts/core/check/view.ts";

describe("what migrations decide of a catalog", () => {
  test("is told apart by schema, however it is quoted, without ledgers, owners and the workspace's own rights", () => {
    const table = {
      kind: "r",
      owner: "boss",
      acl: ["boss=arw/boss", "a_app=r/boss", "other=r/boss"],
      populated: true,
    };
    const catalog = {
      relations: { "a.t": table, '"a.b".t': { kind: "r" }, "a._prisma_migrations": { kind: "r" }, "c.t": {} },
      constraints: {
        "a._prisma_migrations _prisma_migrations_pkey": { kind: "p" },
        "a.t t_pkey": { kind: "p" },
      },
      indexes: {
        "a._prisma_migrations_pkey": {
          definition: "CREATE UNIQUE INDEX _prisma_migrations_pkey ON a._prisma_migrations USING btree (id)",
        },
        "a._prisma_migrations_x": { definition: "CREATE INDEX _prisma_migrations_x ON a.t USING btree (id)" },
      },
      functions: { "a.f()": { owner: "x", acl: ["x=X/x"] }, "a.g()": { owner: "x" } },
      textSearch: { "configuration a.words": {} },
    };
    const split = splitCatalog(catalog, ["a", "a.b"]);
    expect([...split.keys()]).toEqual(["a", "a.b"]);
    expect(split.get("a")).toMatchObject({
      relations: { "a.t": { kind: "r", grants: ["other=r"] } },
      constraints: { "a.t t_pkey": { kind: "p" } },
      textSearch: { "configuration a.words": {} },
    });
    expect(Object.keys(split.get("a")?.relations ?? {})).toEqual(["a.t"]);
    expect(Object.keys(split.get("a")?.indexes ?? {})).toEqual(["a._prisma_migrations_x"]);
    // Everybody may run a function until that is revoked.
    expect(split.get("a")?.functions).toEqual({ "a.f()": {}, "a.g()": { grants: ["=X"] } });
    expect(Object.keys(split.get("a.b")?.relations ?? {})).toEqual(['"a.b".t']);
  });

  test("a table that is gone takes along what was part of it, and nothing else", () => {
    const expected = {
      relations: { "a.t": { kind: "r" } },
      indexes: { "a.i": { definition: "CREATE INDEX i ON a.t USING btree (x)" } },
      constraints: { "a.t k": { kind: "c" }, "a.u k": { kind: "f" } },
      sequences: { "a.s": { ownedBy: { column: "a.t.id" } }, "a.free": {} },
    };
    const live = { relations: {}, indexes: {}, constraints: {}, sequences: {} };
    expect(compareDrift(expected, live).map(({ name }) => name)).toEqual(["a.t", "a.u k", "a.free"]);
  });
});

test("annotations hold one line each, whatever is in them", () => {
  const report: CheckReport = {
    services: 1,
    migrations: 1,
    exceptions: [],
    findings: [
      {
        ...{ service: "a:b", part: "drift", rule: "drift-added", severity: "warning", file: "s,1/x.sql" },
        ...{ column: 3, message: "100%\r\nof: it", fix: "none" },
      },
    ],
    leftOut: [{ parts: ["drift", "ledger"], why: "no\ndatabase" }],
  };
  expect(renderAnnotations(report).split("\n")).toEqual([
    "::warning file=s%2C1/x.sql,line=1,col=3,title=a%3Ab%3A drift-added::100%25%0D%0Aof: it%0AFix: none",
    "::notice title=not checked%3A drift%2C ledger::no%0Adatabase",
  ]);
});
