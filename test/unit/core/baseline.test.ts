import { describe, expect, test } from "vitest";
import {
  type Definition,
  orderDefinitions,
  renderDefinitions,
} from "../../../scripts/core/baseline/order.ts";
import { addModels, refuseServiceName } from "../../../scripts/core/baseline/schemaFile.ts";

const define = (id: string, phase: number, more: Partial<Definition> = {}): Definition => ({
  id,
  phase,
  age: 0,
  aliases: [],
  create: [`CREATE ${id}`],
  drop: [`DROP ${id}`],
  ...more,
});

describe("the order of definitions", () => {
  const ids = (definitions: readonly Definition[]) => definitions.map(({ id }) => id);

  test("what one needs stands before it, by whatever name; else phase and age decide", () => {
    const definitions = [
      define("view", 3),
      define("late", 1, { age: 2 }),
      define("early", 1, { age: 1 }),
      define("function of a table", 0),
      define("table", 2, { aliases: ["row type"] }),
    ];
    const needs = [
      { from: "function of a table", to: "row type" },
      { from: "table", to: "table" },
      { from: "table", to: "of no schema of ours" },
    ];
    expect(ids(orderDefinitions(definitions, needs))).toEqual([
      ...["table", "function of a table", "early", "late", "view"],
    ]);
  });

  test("a circle is cut, and nothing is lost", () => {
    const definitions = [define("a", 0), define("b", 1)];
    const needs = [
      { from: "a", to: "b" },
      { from: "b", to: "a" },
    ];
    expect(ids(orderDefinitions(definitions, needs))).toEqual(["b", "a"]);
  });

  test("the reversal goes backwards, and bodies of functions may name what comes later", () => {
    expect(
      renderDefinitions([define("a", 0), define("b", 1, { create: ["CREATE b;\n", "ALTER b"] })]),
    ).toEqual({
      up: "CREATE a;\n\nCREATE b;\n\nALTER b;\n",
      down: "DROP b;\n\nDROP a;\n",
    });
    const { up } = renderDefinitions([define("f", 0, { create: ["CREATE OR REPLACE FUNCTION f() …"] })]);
    expect(up).toBe("SET LOCAL check_function_bodies = off;\n\nCREATE OR REPLACE FUNCTION f() …;\n");
  });
});

test("models are added to a schema file that has none; one that has some is the engine's", () => {
  const own = "// ours\ndatasource db {\n  schemas = []\n}\n";
  const found = "generator g {\n}\n\ndatasource db {\n}\n\nmodel A {\n  id Int\n}\n";
  expect(addModels(own, found)).toBe(`${own}\nmodel A {\n  id Int\n}\n`);
  expect(addModels(`${own}\nmodel A {\n}\n`, found)).toBe(found);
});

test.each([
  ["crm", true],
  ["crm-2.old", true],
  ["", false],
  [".crm", false],
  ["a/b", false],
  ["..", false],
  ["a b", false],
])("%j as a service's name", (name, fits) => {
  expect(refuseServiceName(name) === undefined).toBe(fits);
});
