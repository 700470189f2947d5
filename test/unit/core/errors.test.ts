import { describe, expect, it } from "vitest";
import { maskPasswords, renderError } from "../../../scripts/core/errors.ts";

describe("maskPasswords", () => {
  it.each([
    ["postgresql://me:secret@host/db", "postgresql://me:***@host/db"],
    ["postgresql://me:se:cr@et@host:5432/db?schema=x", "postgresql://me:***@host:5432/db?schema=x"],
    ["at postgres://a:b@h/x and postgres://c:d@i/y", "at postgres://a:***@h/x and postgres://c:***@i/y"],
    ["postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"],
    ["postgresql://:secret@host/db", "postgresql://:***@host/db"],
    ["host=h user=me password=secret dbname=x", "host=h user=me password=*** dbname=x"],
    ["host=h password = 'se cr\\'et' dbname=x", "host=h password = *** dbname=x"],
    ["CREATE ROLE me LOGIN PASSWORD 'it''s secret' INHERIT", "CREATE ROLE me LOGIN PASSWORD '***' INHERIT"],
    ["OPTIONS (user 'me', password 'secret')", "OPTIONS (user 'me', password '***')"],
    ["password authentication failed for user 'me'", "password authentication failed for user 'me'"],
    ["no URL: user@host", "no URL: user@host"],
    ["http://localhost:8080/a@b", "http://localhost:8080/a@b"],
  ])("%s", (text, masked) => {
    expect(maskPasswords(text)).toBe(masked);
  });
});

describe("renderError", () => {
  it("gives fact, reason and remedy, further lines indented under the first", () => {
    expect(renderError({ message: "auth: it broke", why: "one\ntwo", fix: "make x" })).toBe(
      "auth: it broke\n  Why: one\n       two\n  Fix: make x",
    );
  });

  it("leaves out what is not there, and masks passwords", () => {
    expect(renderError({ message: "cannot reach postgres://a:b@h/x", why: undefined, fix: undefined })).toBe(
      "cannot reach postgres://a:***@h/x",
    );
  });
});
