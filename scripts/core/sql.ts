/** Quotes an identifier for Postgres, always: reserved words, upper case and hostile names alike. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text as a Postgres string literal, safe under either setting of `standard_conforming_strings`. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** Quotes a body of code between dollar signs, with a tag that the body does not hold. */
export function quoteBody(body: string): string {
  let tag = "$$";
  for (let count = 1; body.includes(tag); count += 1) tag = `$body${count}$`;
  return `${tag}${body}${tag}`;
}
