/** `auto`: by the number of rows of the table concerned; else the severity of all of it, or that nobody looks for it. */
export const UNSAFE_MODES = ["auto", "warn", "error", "off"] as const;

/** How unsafe DDL is looked for. */
export interface UnsafeOptions {
  unsafe: (typeof UNSAFE_MODES)[number];
  /** With `auto`, a table with more rows makes an error of what is a warning otherwise. */
  rows: number;
}
