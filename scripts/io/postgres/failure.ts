import { DatabaseError } from "pg";
import { stripShardSuffix } from "../../core/citus/session.ts";
import type { Direction } from "../../core/direction.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Migration } from "../../core/history.ts";
import { indexOfPosition, lineAt, locate, locateStatement } from "../../core/locate.ts";
import { explainMigrationFailure, type StatementPlace } from "../../core/migrationFailure.ts";
import type { Service } from "../../core/service.ts";
import { shownFile } from "../script.ts";
import type { LockHolder } from "./events.ts";
import { renderHolder } from "./holders.ts";

/** What was being done when Postgres refused. */
export interface FailedSend {
  service: Service;
  migration: Migration;
  direction: Direction;
  /** What to type to go on. */
  command: string;
  holders: LockHolder[];
  /** The server appends shard numbers to names. */
  citus?: boolean | undefined;
  /** The message and the script in it; offsets in UTF-16 units. */
  sent: { message: string; script: string; scriptStart: number };
  /** The whole file's text, and where in it the script lies, when only a part was sent. */
  file?: { text: string; start: number };
  /** Which statement of the script failed, from 0; outside of the script, it was one of ours. */
  statement: number;
}

/** Turns an error of Postgres into what a user needs: place in the file, reason, who is in the way, the way on. */
export async function describeFailure(error: unknown, failed: FailedSend): Promise<SchemataError> {
  const { service, migration } = failed;
  if (error instanceof SchemataError) return error;
  const of = error instanceof DatabaseError ? error : undefined;
  const plain = failed.citus ? stripShardSuffix : (text: string) => text;
  const open = await findOpenEnd(of, failed);
  return new SchemataError({
    ...explainMigrationFailure(
      {
        service: service.name,
        migration: migration.name,
        file: shownFile(service, migration),
        place: open?.place ?? (await findPlace(of, failed)),
        direction: failed.direction,
        command: failed.command,
      },
      {
        sqlState: of?.code,
        message: open?.message ?? plain(error instanceof Error ? error.message : String(error)),
        detail:
          [of?.detail && plain(of.detail), ...failed.holders.map(renderHolder)].filter(Boolean).join("\n") ||
          undefined,
        hint: of?.hint,
        where: of?.where,
      },
    ),
    cause: error,
  });
}

/**
 * A quote or comment that never ends swallows what is sent behind the script, and the server then complains of that:
 * the parser, which sees the script alone, knows the place.
 */
async function findOpenEnd(
  error: DatabaseError | undefined,
  { sent, file }: FailedSend,
): Promise<{ message: string; place: StatementPlace } | undefined> {
  if (error?.code !== "42601" || error.position === undefined) return undefined;
  const scriptEnd = sent.scriptStart + sent.script.length;
  if (indexOfPosition(sent.message, Number(error.position)) < scriptEnd) return undefined;
  const { parseSql } = await import("../parser.ts");
  const parsed = await parseSql(sent.script);
  if (parsed.ok) return undefined;
  const { message, offset } = parsed.error;
  const at = file ? locate(file.text, file.start + offset) : locate(sent.script, offset);
  return { message, place: { ...at, text: "" } };
}

async function findPlace(
  error: DatabaseError | undefined,
  { sent, statement, file }: FailedSend,
): Promise<StatementPlace | undefined> {
  const position = error?.position === undefined ? undefined : Number(error.position);
  const offset = position === undefined ? -1 : indexOfPosition(sent.message, position) - sent.scriptStart;
  const inScript = offset >= 0 && offset < sent.script.length;
  if (!inScript && statement < 0) return undefined;
  const { parseSql } = await import("../parser.ts");
  const parsed = await parseSql(sent.script);
  const statements = "statements" in parsed ? parsed.statements : [];
  // Behind the script's last statement it is the commit that failed, for all of them together.
  if (!inScript && statement >= statements.length) return undefined;
  const at = inScript ? offset : (statements[statement]?.start ?? 0);
  const found = locateStatement(sent.script, statements, { offset: at });
  const place = found.text === "" ? { ...found, text: lineAt(sent.script, at) } : found;
  return file ? { ...place, ...locate(file.text, file.start + at) } : place;
}
