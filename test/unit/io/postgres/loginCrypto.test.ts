import { createRequire } from "node:module";
import { expect, test } from "vitest";
import * as ours from "../../../../scripts/io/postgres/loginCrypto.ts";

type Crypto = Record<string, (...args: unknown[]) => unknown>;

const theirs = createRequire(import.meta.url)("pg/lib/crypto/utils.js") as Crypto;
const key = Buffer.from("0123456789abcdef0123456789abcdef");

const read = async (value: unknown) => {
  const settled = await value;
  return typeof settled === "string" ? settled : Buffer.from(settled as ArrayBuffer).toString("hex");
};

test("there is a function for each of pg's", () => {
  expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
});

test.each<[string, unknown[]]>([
  ["postgresMd5PasswordHash", ["postgres", "pässword", Buffer.from([1, 2, 3, 250])]],
  ["md5", ["pässword"]],
  ["sha256", [key]],
  ["hashByName", ["SHA-256", key]],
  ["hashByName", ["SHA-512", key]],
  ["hmacSha256", [key, "Client Key ü"]],
  ["deriveKey", ["pässword", key, 4096]],
])("%s answers as pg's does: %j", async (name, args) => {
  const expected = await read(theirs[name]?.(...args));
  expect(await read((ours as unknown as Crypto)[name]?.(...args))).toBe(expected);
});

test("random bytes are as many as asked for, and never the same", () => {
  expect(ours.randomBytes(18)).toHaveLength(18);
  expect(ours.randomBytes(18)).not.toEqual(ours.randomBytes(18));
});
