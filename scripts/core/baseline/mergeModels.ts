interface Block {
  /** `model User`. */
  name: string;
  lines: string[];
}

const BLOCK = /^[ \t]*((?:model|enum|view|type)[ \t]+\w+)[ \t]*\{[^\n]*\n[\s\S]*?^[ \t]*\}[ \t]*$/gm;

/**
 * A schema file with what two introspections differ by, the one of before and the one of now; everything else stays as
 * people wrote it, comments too. All three call models and fields alike.
 */
export function mergeModels(text: string, { before, now }: { before: string; now: string }): string {
  const [was, is] = [before, now].map(readBlocks) as [Map<string, Block>, Map<string, Block>];
  const seen = new Set<string>();
  const kept = text.replaceAll(BLOCK, (block: string, header: string) => {
    const name = header.replaceAll(/[ \t]+/g, " ");
    seen.add(name);
    const [old, current] = [was.get(name), is.get(name)];
    if (!current) return old ? "" : block;
    return old && block !== "" ? mergeBlock(block, old, current) : block;
  });
  const added = [...is.values()].filter(({ name }) => !seen.has(name)).map(({ lines }) => lines.join("\n"));
  return `${[kept.replaceAll(/\n{3,}/g, "\n\n").trimEnd(), ...added].join("\n\n")}\n`;
}

function readBlocks(text: string): Map<string, Block> {
  return new Map(
    [...text.matchAll(BLOCK)].map(([block, header = ""]) => {
      const name = header.replaceAll(/[ \t]+/g, " ");
      return [name, { name, lines: block.split("\n") }];
    }),
  );
}

/** What a line is about: a field by its name, an attribute of the block as it stands. */
function keyOf(line: string): string | undefined {
  const text = plain(line);
  if (text === "" || text.startsWith("//") || text === "}" || text.endsWith("{")) return undefined;
  return text.startsWith("@@") ? text : text.split(" ", 1)[0];
}

/** Without alignment and without a comment behind it. */
function plain(line: string): string {
  const [code = ""] = /^(?:"(?:[^"\\]|\\.)*"|\/(?!\/)|[^"/])*/.exec(line) ?? [];
  return (line.trimStart().startsWith("//") ? line : code).trim().replaceAll(/[ \t]+/g, " ");
}

function readFields(lines: readonly string[]): Map<string, string> {
  return new Map(lines.flatMap((line) => (keyOf(line) === undefined ? [] : [[keyOf(line) ?? "", line]])));
}

function mergeBlock(block: string, { lines: before }: Block, { lines: now }: Block): string {
  const [was, is] = [readFields(before), readFields(now)];
  const lines = block.split("\n").flatMap((line) => {
    const key = keyOf(line);
    if (key === undefined || !was.has(key)) return [line];
    const current = is.get(key);
    if (current === undefined) return [];
    return [plain(current) === plain(was.get(key) ?? "") ? line : current];
  });
  let place = 0;
  for (const [key, line] of is) {
    const found = lines.findIndex((one) => keyOf(one) === key);
    if (found >= 0) place = found;
    else if (!was.has(key)) {
      if (key.startsWith("@@") && lines[place + 1]?.trim() === "") place += 1;
      place += 1;
      lines.splice(place, 0, line);
    }
  }
  return lines.join("\n");
}
