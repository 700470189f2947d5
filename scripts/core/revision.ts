import { type Dependency, renderDependsOn } from "./dependsOn.ts";
import { byName } from "./history.ts";
import { nextToken } from "./lexer.ts";
import { quoteIdent } from "./sql.ts";

const MAX_SLUG = 60;
const LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  ø: "o",
  œ: "oe",
  đ: "d",
  ð: "d",
  þ: "th",
  ł: "l",
  ı: "i",
};

/** The words of a message as a file name takes them: `Add users' e-mail` is `add_users_e_mail`. */
export function renderSlug(message: string): string {
  const plain = message
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^\0-\x7f]/gu, (letter) => LETTERS[letter] ?? " ")
    .replaceAll(/'(?=[a-z])/g, "");
  const slug = plain.replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return slug.slice(0, MAX_SLUG).replace(/_+$/, "") || "revision";
}

/**
 * The name of a new migration: the UTC time and the slug. Where the newest is not older than that, a second after the
 * newest; `undefined` where nothing with a time in its name would come last.
 */
export function nextMigrationName(
  slug: string,
  { now, names }: { now: Date; names: readonly string[] },
): string | undefined {
  const newest = [...names].sort(byName).at(-1);
  const time = renderTime(now);
  const [, known] = /^(\d{14})/.exec(newest ?? "") ?? [];
  const stamp = known !== undefined && known >= time ? secondAfter(known) : time;
  const name = `${stamp}_${slug}`;
  return stamp.length === 14 && (newest === undefined || byName(newest, name) < 0) ? name : undefined;
}

function renderTime(time: Date): string {
  return time.toISOString().replaceAll(/\D/g, "").slice(0, 14);
}

/** As a time where it is one, so that 59 seconds are followed by a minute; otherwise as a number. */
function secondAfter(stamp: string): string {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(stamp) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!Number.isNaN(time) && renderTime(new Date(time)) === stamp) return renderTime(new Date(time + 1_000));
  return String(BigInt(stamp) + 1n).padStart(14, "0");
}

/** migration.sql: what must be applied first, then the script. */
export function renderMigration(sql: string, dependsOn: readonly Dependency[]): string {
  return [...dependsOn.map((dependency) => `${renderDependsOn(dependency)}\n`), sql].join("");
}

/** What a migration holds that is to be written by hand. */
export const EMPTY_MIGRATION = "-- This is an empty migration.\n";

/** The other schemas that a generated script refers to: the engine quotes every name, and qualifies those of others. */
export function referredSchemas(sql: string, schemas: readonly string[]): string[] {
  return schemas.filter((schema) => sql.includes(`${quoteIdent(schema)}.`));
}

/** A generated script without the service's own schema before its names: the search path says it, as in migration.sql. */
export function unqualify(sql: string, schema: string): string {
  // The engine does not double quotes in a schema's name.
  if (schema.includes('"')) return sql.replaceAll(`"${schema}".`, "");
  const quoted = quoteIdent(schema);
  let text = "";
  let copied = 0;
  for (let token = nextToken(sql, 0); token.kind !== "end"; token = nextToken(sql, token.end)) {
    if (token.kind === "broken") return sql;
    if (token.kind !== "name" || sql.slice(token.start, token.end) !== quoted || sql[token.end] !== ".")
      continue;
    text += sql.slice(copied, token.start);
    copied = token.end + 1;
  }
  return text + sql.slice(copied);
}
