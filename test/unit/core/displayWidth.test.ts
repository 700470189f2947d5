import { expect, it } from "vitest";
import displayWidth from "../../../scripts/core/displayWidth.ts";

it.each([
  ["", 0],
  ["auth", 4],
  ["über", 4],
  ["u\u0308ber", 4],
  ["請求書", 6],
  ["👩‍👩‍👧 x", 4],
  ["\u001B[1mbold\u001B[0m", 4],
  ["a\tb", 2],
])("%s takes %i columns", (text, columns) => {
  expect(displayWidth(text)).toBe(columns);
});
