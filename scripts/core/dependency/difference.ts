/** The lines that differ between two texts, as `diff` shows them, with a few around; for files of some hundred lines. */
export function renderLineDifference(before: string, after: string, around = 2): string {
  const [all, allNow] = [splitLines(before), splitLines(after)];
  const head = countSame(all, allNow);
  const tail = countSame(all.slice(head).reverse(), allNow.slice(head).reverse());
  const [old, now] = [all, allNow].map((list) => list.slice(head, list.length - tail)) as [
    string[],
    string[],
  ];
  const lengths = commonLengths(old, now);
  const same = (list: readonly string[]) => list.map((text) => ({ mark: " " as const, text }));
  const lines: { mark: " " | "-" | "+"; text: string }[] = same(all.slice(0, head));
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ mark: " ", text: old[i++] ?? "" });
      j++;
    } else if (
      i < old.length &&
      (j === now.length || (lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0))
    )
      lines.push({ mark: "-", text: old[i++] ?? "" });
    else lines.push({ mark: "+", text: now[j++] ?? "" });
  }
  lines.push(...same(all.slice(all.length - tail)));
  const shown = lines.map((_, at) =>
    lines.slice(Math.max(0, at - around), at + around + 1).some(({ mark }) => mark !== " "),
  );
  return lines
    .flatMap(({ mark, text }, at) =>
      shown[at] ? [...(at > 0 && !shown[at - 1] ? ["…"] : []), `${mark} ${text}`.trimEnd()] : [],
    )
    .join("\n");
}

function countSame(a: readonly string[], b: readonly string[]): number {
  const different = a.findIndex((line, index) => line !== b[index]);
  return different === -1 ? a.length : different;
}

function splitLines(text: string): string[] {
  return text.replace(/\r?\n$/, "").split(/\r\n|\n|\r/);
}

/** For each pair of places, how many lines the rests have in common, in order. */
function commonLengths(old: readonly string[], now: readonly string[]): Uint32Array[] {
  const rows = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const [row, next] = [rows[i] as Uint32Array, rows[i + 1] as Uint32Array];
      row[j] = old[i] === now[j] ? (next[j + 1] ?? 0) + 1 : Math.max(next[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return rows;
}
