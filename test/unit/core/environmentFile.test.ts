import { expect, test } from "vitest";
import { checkEnvironmentFile } from "../../../scripts/core/environmentFile.ts";

test.each([
  ["DATABASE_URL=postgresql://a:b@c/d\n# a comment\n\nexport DB_PORT=5\nSCHEMATA_JOBS=2\nNODE_ENV=test", []],
  ['DATABASE_URL="postgresql://a:b#c@d/e"  # quoted', []],
  ["DATABASE_URL=postgresql://a:b@c/d # a comment", []],
  ["DATABSE_URL=x", ["line 1 sets DATABSE_URL, which nobody reads; did you mean DATABASE_URL?"]],
  ["DATABASE_URL: x", ["line 1 is not of the form NAME=value"]],
  ["DB_PORT=1\r\nDB_PORT=2", ["line 2 sets DB_PORT again, after line 1"]],
  ["DATABASE_URL=\nDEBUG=''", ["line 1 sets DATABASE_URL to nothing", "line 2 sets DEBUG to nothing"]],
  [
    "DATABASE_URL=postgresql://a:s3cr#t@c/d",
    ["line 1: DATABASE_URL ends at its #; put the value between quotes"],
  ],
])("%j", (text, problems) => {
  expect(checkEnvironmentFile(text)).toEqual(problems);
});
