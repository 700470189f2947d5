/** A migration of another service that must be applied first. */
export interface Dependency {
  service: string;
  migration: string;
}

/**
 * The `-- depends-on: <service>/<migration>` lines in the head of a script: the comment lines before its first
 * statement. Stock Prisma takes them for the comments that they are.
 */
export function parseDependsOn(script: string): Dependency[] {
  const found: Dependency[] = [];
  for (const line of headLines(script)) {
    const [, service, migration] = /^--\s*depends-on:\s*([^/\s](?:[^/]*[^/\s])?)\/(\S+)\s*$/.exec(line) ?? [];
    if (service !== undefined && migration !== undefined) found.push({ service, migration });
  }
  return found;
}

/** Writes the line that {@link parseDependsOn} reads. */
export function renderDependsOn({ service, migration }: Dependency): string {
  return `-- depends-on: ${service}/${migration}`;
}

/** The script with other names in the depends-on lines that name one of these; the rest to the letter as it was. */
export function renameDependencies(
  script: string,
  renamed: readonly { service: string; from: string; to: string }[],
): string {
  const lines = script.split("\n");
  for (const [index, line] of lines.entries()) {
    const trimmed = line.replace(/^\uFEFF/, "").trim();
    if (trimmed !== "" && !trimmed.startsWith("--")) break;
    const [named] = parseDependsOn(trimmed);
    const found = renamed.find(({ service, from }) => named?.service === service && named.migration === from);
    if (!found) continue;
    const other = renderDependsOn({ service: found.service, migration: found.to });
    lines[index] = line.replace(trimmed, () => other);
  }
  return lines.join("\n");
}

/** The comment lines before a script's first statement, each without the white space around it, and empty ones. */
export function* headLines(script: string): Generator<string> {
  let start = script.startsWith("\uFEFF") ? 1 : 0;
  while (start < script.length) {
    const end = script.indexOf("\n", start);
    const line = script.slice(start, end === -1 ? undefined : end).trim();
    if (line !== "" && !line.startsWith("--")) return;
    yield line;
    if (end === -1) return;
    start = end + 1;
  }
}
