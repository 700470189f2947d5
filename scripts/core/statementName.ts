const TWO_WORDS = /^(?:create|alter|drop|comment|refresh|lock)$/i;
const SKIPPED = /^(?:or|replace|unique|constraint|temporary|temp|unlogged|if|not|exists|recursive)$/i;

/** What a statement is, in the words that people know it by: `CREATE INDEX`, `UPDATE`. */
export function nameStatement(text: string): string {
  const plain = text.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  const words = plain.match(/[a-z_]+/gi) ?? [];
  const [verb = ""] = words;
  if (!TWO_WORDS.test(verb)) return verb.toUpperCase();
  const [object = "", more = ""] = words.slice(1).filter((word) => !SKIPPED.test(word));
  const three = /^materialized$/i.test(object) ? `${object} ${more}` : object;
  return `${verb} ${three}`.toUpperCase();
}

/** A statement on one line, cut where it is long. */
export function shortenStatement(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const letters = [...line];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : line;
}
