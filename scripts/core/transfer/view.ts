import type { Transfer } from "./transfer.ts";

/** A file that a transfer writes, path relative to the workspace. */
export interface TransferFile {
  path: string;
  content: string;
}

interface Half {
  service: { name: string };
  migration: string;
}

/** The answer of `--json`. */
export function describeTransfer(
  {
    transfer: { table, types },
    arrival,
    departure,
    warnings,
  }: { transfer: Transfer; arrival: Half; departure: Half; warnings: readonly string[] },
  { files, done }: { files: readonly TransferFile[]; done: boolean },
): object {
  const half = ({ service, migration }: Half) => ({ service: service.name, migration });
  return { table, types, done, from: half(departure), to: half(arrival), files, warnings };
}

/** All files one after the other, each under its path. */
export function renderFiles(files: readonly TransferFile[]): string {
  return files.map(({ path, content }) => `--- ${path}\n${content.trimEnd()}\n`).join("\n");
}
