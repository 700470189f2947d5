import { hash } from "node:crypto";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";

/** Larger than nearly every migration; one buffer serves all of them, one after the other. */
const shared = Buffer.allocUnsafe(64 * 1024);

/**
 * The checksum of a file. Synchronous on purpose: for tens of thousands of small files, Node's thread pool costs
 * more than it wins, and a buffer for each costs as much as reading it.
 */
export function checksumOf(file: string): string {
  const opened = openSync(file, constants.O_RDONLY);
  try {
    // A file gives all that it has, or as much as there is room for.
    const length = readSync(opened, shared, 0, shared.length, null);
    return sha256(length < shared.length ? shared.subarray(0, length) : readFileSync(file));
  } finally {
    closeSync(opened);
  }
}

/** SHA-256 in hexadecimal, as the ledger records it. */
export function sha256(content: Buffer | string): string {
  return hash("sha256", content);
}

/**
 * The other checksums under which the engine takes a script for unchanged: with every line ended by CRLF, and by LF
 * (schema-connector's checksum rules; like Rust's `lines`, a last line without an end gets one).
 */
export function tolerantChecksums(script: string): [crlf: string, lf: string] {
  const lines = script.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.at(-1) === "") lines.pop();
  return [
    sha256(lines.map((line) => `${line}\r\n`).join("")),
    sha256(lines.map((line) => `${line}\n`).join("")),
  ];
}
