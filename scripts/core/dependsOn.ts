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

function* headLines(script: string): Generator<string> {
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
