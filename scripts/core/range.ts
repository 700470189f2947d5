import { EXIT, type Failure } from "./errors.ts";
import { resolveMigration } from "./target.ts";

/** Two points of a history as a user writes them; an absent one is base or head. */
export interface Range {
  from: string;
  to: string;
}

/** What a point is resolved against; `names` are the whole history in order. */
export interface History {
  service: string;
  names: readonly string[];
  /** The newest applied; undefined where no database was asked. */
  current: string | null | undefined;
}

/** Parses `a:b`, `a:` or `:b`. */
export function parseRange(text: string): Range | { problem: Failure } {
  const parts = text.split(":");
  const [from, to] = parts;
  if (from === undefined || to === undefined || parts.length > 2) {
    return {
      problem: {
        fact: `"${text}" is no range of migrations`,
        why: "a range is a:b, a: or :b; each is base, head, current, a migration, or so many steps from one, such as current+2 or -3",
        fix: '-r base:head, -r current:, -r "-3:current"',
        status: EXIT.usage,
      },
    };
  }
  return { from: from || "base", to: to || "head" };
}

/** The index of a point among the names; -1 is base. */
export function resolvePoint(text: string, history: History): { index: number } | { problem: Failure } {
  const keyword = resolveKeyword(text, history);
  if (keyword) return keyword;
  const [, of, steps] = /^(.*?)([+-]\d{1,9})$/.exec(text) ?? [];
  const isRelative = steps !== undefined && ["", "base", "head", "current"].includes(of ?? "");
  const { service, names } = history;
  if (!isRelative) {
    const whole = resolveMigration(text, { service, names });
    if ("name" in whole) return { index: names.indexOf(whole.name) };
    if (steps === undefined) return whole;
  }
  // Only a number of steps is said to be from where the database stands.
  const start = resolvePoint(of || "current", history);
  if ("problem" in start) return start;
  const index = start.index + Number(steps);
  if (index >= -1 && index < names.length) return { index };
  return {
    problem: {
      fact: `${service}: "${text}" is ${index < -1 ? "below base" : "above head"}`,
      why: `the history has ${names.length} migrations, and ${of || "current"} is number ${start.index + 1}`,
      fix: `make history app=${service}`,
      status: EXIT.usage,
    },
  };
}

function resolveKeyword(
  text: string,
  { service, names, current }: History,
): { index: number } | { problem: Failure } | undefined {
  if (text === "base") return { index: -1 };
  if (text === "head" || text === "heads") return { index: names.length - 1 };
  if (text !== "current") return undefined;
  if (current !== undefined) return { index: current === null ? -1 : names.indexOf(current) };
  return {
    problem: {
      fact: `${service}: "current" is not known here`,
      why: "this command asks no database",
      fix: `name the migration that is current: make current app=${service}`,
      status: EXIT.usage,
    },
  };
}

/** Both points of a range. */
export function resolveRange(
  { from, to }: Range,
  history: History,
): { from: number; to: number } | { problem: Failure } {
  const first = resolvePoint(from, history);
  if ("problem" in first) return first;
  const last = resolvePoint(to, history);
  return "problem" in last ? last : { from: first.index, to: last.index };
}
