import { EXTENSIONS_SCHEMA } from "../../extensions.ts";
import { literalText } from "../dynamic.ts";
import type { Ownership } from "../finding.ts";
import { type Problem, type Rule, statementRule } from "../rule.ts";
import { splitSearchPath } from "../text.ts";
import { asText, settingValues, type Tree } from "../tree.ts";
import type { Unit } from "../unit.ts";

/** A setting that a statement makes, from SET, RESET or set_config(). */
interface Setting {
  name: string;
  /** `undefined`: only the run knows them. */
  values: string[] | undefined;
  reset: boolean;
  offset: number;
  /** It lasts for a function's calls, or for the transaction; otherwise for the session. */
  lasts: "function" | "transaction" | "session";
}

/** The search path, which decides where unqualified names are. */
const searchPath = statementRule(
  { name: "search-path", severity: "error", summary: "changes the search path" },
  (unit, ownership) =>
    settingsOf(unit, ownership).flatMap((setting) =>
      concernsPath(setting) ? judgePath(setting, ownership) : [],
    ),
);

function judgePath(setting: Setting, ownership: Ownership): Problem[] {
  const { offset, lasts, values, reset } = setting;
  const fix = `leave it out: every migration starts with the search path "${ownership.schema}"`;
  if (reset) return [{ offset, message: "the search path goes back to that of the role or database", fix }];
  if (values === undefined)
    return [{ offset, message: "the search path is set to what only the run knows", fix }];
  const foreign = values.filter((name) => !isHarmless(name, ownership));
  if (foreign.length > 0) {
    return [
      { offset, message: `the search path is set to ${foreign.map((name) => `"${name}"`).join(", ")}`, fix },
    ];
  }
  if (lasts !== "session") return [];
  const message =
    "the search path outlives the migration when stock Prisma runs it, which then loses its ledger";
  return [{ offset, message, fix, severity: "warning" }];
}

function isHarmless(name: string, { schema }: Ownership): boolean {
  return [schema, "pg_catalog", "pg_temp", EXTENSIONS_SCHEMA, ""].includes(name);
}

/** Unqualified names created while the search path begins elsewhere. */
const unqualifiedCreation: Rule = {
  name: "unqualified-creation",
  severity: "error",
  summary: "creates an unqualified object after changing the search path",
  check({ units }, ownership) {
    let target: string | undefined = ownership.schema;
    const problems: Problem[] = [];
    for (const unit of units.filter(({ origin }) => origin !== "function")) {
      for (const setting of settingsOf(unit, ownership)) {
        if (concernsPath(setting) && setting.lasts !== "function") target = targetOf(setting, ownership);
      }
      if (target === ownership.schema) continue;
      const where = target === undefined ? "no known schema" : `"${target}"`;
      for (const { name, location } of unit.names.names.filter(
        ({ schema, use }) => use === "create" && schema === undefined,
      )) {
        const message = `"${name}" would be created in ${where}, where the search path points`;
        problems.push({ offset: unit.place({ location }), message, fix: "leave the search path alone" });
      }
    }
    return problems;
  },
};

/** The schema that unqualified creation goes to: the first of the path that is no catalog. */
function targetOf({ values, reset }: Setting, { schema }: Ownership): string | undefined {
  if (reset) return undefined;
  const target = values?.find((name) => name !== "" && name !== "pg_catalog");
  return target === "pg_temp" ? schema : target;
}

/** The role that statements run as. */
const setRole = statementRule(
  { name: "set-role", severity: "error", summary: "changes the role or session user" },
  (unit, ownership) => {
    const fix = "leave it out: migrations run as the owner role of their service";
    if (unit.kind === "DiscardStmt" && unit.fields.target === "DISCARD_ALL") {
      return [{ offset: unit.place(), message: "DISCARD ALL also resets the role and the search path", fix }];
    }
    return settingsOf(unit, ownership)
      .filter(({ name }) => name === "role" || name === "session_authorization")
      .map(({ offset, name }) => ({ offset, message: `it changes the ${name.replace("_", " ")}`, fix }));
  },
);

/** Settings under which the server reads the script otherwise than the guard does. */
const parserSettings = statementRule(
  { name: "parser-settings", severity: "error", summary: "changes how the server reads SQL text" },
  (unit, ownership) =>
    settingsOf(unit, ownership)
      .filter(({ name, values }) => {
        const value = values?.join().toLowerCase();
        if (name === "standard_conforming_strings")
          return value === undefined || !/^(?:on|true|1|yes|)$/.test(value);
        if (name === "client_encoding") return value === undefined || !/^(?:utf-?8|unicode|)$/.test(value);
        return name === "?";
      })
      .map(({ offset, name }) => ({
        offset,
        message:
          name === "?"
            ? "set_config() changes a setting that only the run knows"
            : `it changes ${name}, and with it what a script means`,
        fix: "leave it out, and write the SQL for the default",
      })),
);

function concernsPath({ name }: Setting): boolean {
  return name === "search_path" || name === "*";
}

function settingsOf(unit: Unit, ownership: Ownership): Setting[] {
  const set = unit.names.settings.map(({ fields, ofFunction }) => readSet(unit, fields, ofFunction));
  const called = unit.names.calls
    .filter(({ name }) => name === "set_config")
    .map(({ args: [name, value, local], location }): Setting => {
      const text = literalText(value, ownership.schema);
      return {
        name: literalText(name, ownership.schema)?.toLowerCase() ?? "?",
        values: text === undefined ? undefined : text === "" ? [""] : splitSearchPath(text),
        reset: false,
        offset: unit.place({ location }),
        lasts: JSON.stringify(local ?? "").includes('"boolval":true') ? "transaction" : "session",
      };
    });
  return [...set.filter((setting) => setting !== undefined), ...called];
}

function readSet(unit: Unit, fields: Tree, ofFunction: boolean): Setting | undefined {
  // SET … FROM CURRENT keeps what is in force, which is the service's own.
  if (fields.kind === "VAR_SET_CURRENT" || fields.kind === "VAR_SET_MULTI") return undefined;
  const values = settingValues(fields);
  const known = values.every((value) => value !== undefined);
  return {
    name: fields.kind === "VAR_RESET_ALL" ? "*" : asText(fields.name),
    values: known ? (values as string[]) : undefined,
    reset: fields.kind !== "VAR_SET_VALUE",
    offset: unit.place({
      location: typeof fields.location === "number" && fields.location > 0 ? fields.location : undefined,
    }),
    lasts: ofFunction ? "function" : fields.is_local ? "transaction" : "session",
  };
}

/** The rules on what outlives a statement in its session. */
export const SESSION_RULES: readonly Rule[] = [searchPath, unqualifiedCreation, setRole, parserSettings];
