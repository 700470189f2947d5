import { SchemataError } from "../../core/errors.ts";

const REASONS: Record<string, { why: string; fix(path: string): string }> = {
  EACCES: {
    why: "this user may not read or write it",
    fix: (path) => `ls -ld ${path}   # then run this as its owner, or with sudo`,
  },
  EPERM: {
    why: "this user may not change it",
    fix: (path) => `ls -ld ${path}   # then run this as its owner, or with sudo`,
  },
  EROFS: { why: "it lies on a read-only file system", fix: () => "set DATABASE_URL to a server elsewhere" },
  ENOSPC: { why: "the disk is full", fix: (path) => `free some room: df -h ${path}` },
  EDQUOT: { why: "the disk quota is used up", fix: (path) => `free some room: df -h ${path}` },
};

/** Runs work on the server's files in `folder`; what the file system refuses becomes a failure that names the path. */
export async function explainFileErrors<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SchemataError || !(error instanceof Error)) throw error;
    const { code, path = folder } = error as NodeJS.ErrnoException;
    const reason = REASONS[code ?? ""];
    if (!reason) throw error;
    throw new SchemataError({
      fact: `the embedded server's files cannot be used: ${path}`,
      why: reason.why,
      fix: reason.fix(path),
      cause: error,
    });
  }
}

/** Whether a failure, or what it was made of, means that nothing more can be written. */
export function isDiskFull(error: unknown): boolean {
  const cause = error instanceof SchemataError ? error.cause : error;
  return ["ENOSPC", "EDQUOT"].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? "");
}
