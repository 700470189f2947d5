let segmenter: Intl.Segmenter | undefined;

/** Columns that a text takes on a terminal: wide letters count twice, combining ones not at all, colours for nothing. */
export default function displayWidth(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
  const plain = text.includes("\u001B") ? text.replaceAll(/\u001B\[[\d;]*[A-Za-z]/g, "") : text;
  // What makes a segmenter costs more than the rest of a short command.
  if (/^[\u0020-\u007E]*$/.test(plain)) return plain.length;
  segmenter ??= new Intl.Segmenter();
  let width = 0;
  for (const { segment } of segmenter.segment(plain)) width += widthOf(segment.codePointAt(0) ?? 0);
  return width;
}

/** First and last code points of the blocks whose letters are two columns wide (Unicode's East Asian Width). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1faff],
  [0x20000, 0x3fffd],
];

function widthOf(point: number): number {
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return 0;
  return WIDE.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
}
