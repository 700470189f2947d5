import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { mayIgnore, withoutIgnores } from "../core/unsafe/ignores.ts";
import { placeProblems, type UnsafeProblem } from "../core/unsafe/problem.ts";
import { LEFT_OUT } from "../core/unsafe/rules.ts";

/**
 * What Squawk finds in scripts, in their order, and what its own comments keep from being told. Rejects with an ordinary
 * error where it cannot be run.
 */
export async function runSquawk(scripts: readonly string[], serverMajor: number): Promise<UnsafeProblem[][]> {
  const folder = mkdtempSync(join(tmpdir(), "schemata-"));
  try {
    // Copies under plain names: a path would be taken for a pattern, and a settings file may lie beside the scripts.
    for (const [index, sql] of scripts.entries()) writeFileSync(join(folder, `${index}.sql`), sql);
    const ignoring = scripts.map(mayIgnore);
    for (const [index, sql] of scripts.entries())
      if (ignoring[index]) writeFileSync(join(folder, `${index}-all.sql`), withoutIgnores(sql));
    const args = ["--reporter", "json", "--assume-in-transaction", "--pg-version", `${serverMajor}`];
    const output = await run([...args, "--exclude", LEFT_OUT.join(","), "*.sql"], folder);
    const reported = JSON.parse(output) as (Parameters<typeof placeProblems>[1][number] & { file: string })[];
    const of = new Map<string, typeof reported>();
    for (const one of reported) {
      const file = basename(one.file, ".sql");
      of.set(file, [...(of.get(file) ?? []), one]);
    }
    return scripts.map((sql, index) => {
      const told = placeProblems(sql, of.get(`${index}`) ?? []);
      if (!ignoring[index]) return told;
      const isTold = ({ rule, start }: UnsafeProblem) =>
        told.some((one) => one.rule === rule && one.start === start);
      const untold = placeProblems(sql, of.get(`${index}-all`) ?? []).filter((one) => !isTold(one));
      return [...told, ...untold.map((one) => ({ ...one, ignored: true as const }))];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Squawk's own program, not its Node wrapper, which costs a process more. */
function squawkProgram(): string {
  const { getBinaryPath } = createRequire(import.meta.url)("squawk-cli/js/index.js") as {
    getBinaryPath(): string;
  };
  return getBinaryPath();
}

function run(args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(squawkProgram(), args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      // 0 without findings, 1 with.
      if ((status === 0 || status === 1) && output !== "") resolve(output);
      else reject(new Error(complaint.trim().split("\n")[0] || `it ended with ${signal ?? status}`));
    });
  });
}
