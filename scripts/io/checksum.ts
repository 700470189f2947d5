import { hash } from "node:crypto";

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
