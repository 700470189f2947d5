import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Habits, Question } from "../../../prisma/engine/ahead.ts";
import { engineCommit } from "../../../prisma/engine/load.ts";
import type { Service } from "../../core/service.ts";
import { keepFile } from "../keepFile.ts";

/**
 * What the engine asked in earlier runs of this workspace, kept in a file. One that is missing or makes no sense costs
 * time, nothing else: the engine asks by itself.
 */
export function readHabits({ dir }: Service, version: number): Habits {
  const file = join(dir, "../../.schemata", `engine-${engineCommit().slice(0, 12)}-${version}.json`);
  return {
    questions: readQuestions(file),
    learn: (questions) => keepFile(file, JSON.stringify(questions)),
  };
}

function readQuestions(file: string): Question[] {
  try {
    const questions: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(questions) && questions.every(isQuestion) ? questions : [];
  } catch {
    return [];
  }
}

function isQuestion(value: unknown): value is Question {
  const { sql, args } = (value ?? {}) as Partial<Question>;
  return (
    typeof sql === "string" && Array.isArray(args) && args.every((arg) => arg === "own" || arg === "schemas")
  );
}
