import { SchemataError } from "../../core/errors.ts";

const REASONS: Record<string, { why: string; fix(path: string): string }> = {
  EACCES: {
    why: "this user may not read or write it",
    fix: (path) => `ls -ld ${path}   # or sudo make start-db`,
  },
  EPERM: { why: "this user may not change it", fix: (path) => `ls -ld ${path}   # or sudo make start-db` },
  EROFS: { why: "it lies on a read-only file system", fix: () => "set DATABASE_URL to a server elsewhere" },
  ENOSPC: { why: "the disk is full", fix: (path) => `free some room: df -h ${path}` },
  EDQUOT: { why: "the disk quota is used up", fix: (path) => `free some room: df -h ${path}` },
};

/** Runs work on the server's files; what the file system refuses becomes a failure that names the path. */
export async function explainFileErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SchemataError || !(error instanceof Error)) throw error;
    const { code, path = "" } = error as NodeJS.ErrnoException;
    const reason = REASONS[code ?? ""];
    if (!reason) throw error;
    throw new SchemataError({
      fact: `the embedded server's files cannot be used: ${path || error.message}`,
      why: reason.why,
      fix: reason.fix(path),
      cause: error,
    });
  }
}
