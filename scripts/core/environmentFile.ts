import { nearestName } from "./service.ts";

/** Every variable that the tool reads, but for those of single options (`SCHEMATA_…`). */
const KNOWN = ["DATABASE_URL", "SHADOW_DATABASE_URL", "DB_PORT", "DEBUG", "PRISMA_SCHEMA_ENGINE_BINARY"];

/** What is odd about a .env file, a sentence each, by line; values are never repeated. */
export function checkEnvironmentFile(text: string): string[] {
  const seen = new Map<string, number>();
  return text.split(/\r?\n/).flatMap((line, index) => {
    const at = `line ${index + 1}`;
    if (/^\s*(#.*)?$/.test(line)) return [];
    const [, name, value = ""] = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=(.*)$/.exec(line) ?? [];
    if (name === undefined) return [`${at} is not of the form NAME=value`];
    const problems: string[] = [];
    const first = seen.get(name);
    if (first !== undefined) problems.push(`${at} sets ${name} again, after line ${first}`);
    seen.set(name, first ?? index + 1);
    const near = KNOWN.includes(name) || name.startsWith("SCHEMATA_") ? undefined : nearestName(name, KNOWN);
    if (near !== undefined && Math.abs(near.length - name.length) <= 2)
      problems.push(`${at} sets ${name}, which nobody reads; did you mean ${near}?`);
    if (KNOWN.includes(name) && /^\s*["'`]?\s*["'`]?\s*$/.test(value))
      problems.push(`${at} sets ${name} to nothing`);
    // A value without quotes ends at the first #, be it in a password.
    if (KNOWN.includes(name) && /^\s*[^"'`\s#][^"'`#]*\S?#/.test(value) && !/^[^#]*\s#/.test(value))
      problems.push(`${at}: ${name} ends at its #; put the value between quotes`);
    return problems;
  });
}
