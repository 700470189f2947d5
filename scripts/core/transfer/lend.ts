import { parseDependsOn } from "../dependsOn.ts";
import type { Failure } from "../errors.ts";
import type { ServicePlan } from "../plan.ts";
import { isLeave, isMove } from "./sql.ts";
import { isSameTransfer, parseMark, reverseTransfer, type Transfer } from "./transfer.ts";

/** A migration of whose file the text is known. */
interface Script {
  service: string;
  /** The service's schema. */
  schema: string;
  migration: string;
  /** As users see it. */
  shown: string;
  sql: string;
}

/** What a script moves, where it is a transfer's to the letter; one that only says so is a problem. */
export function readTransfer(script: Script): { transfer?: Transfer } | { problem: Failure } {
  if (!isTransferToTheLetter(script.sql, script.schema)) return { problem: notToTheLetter(script) };
  const mark = parseMark(script.sql);
  return mark?.half === "arrival" && mark.transfer ? { transfer: mark.transfer } : {};
}

/** Whether a script of a schema's history that says to be half of a transfer is one; so is every other that does not. */
export function isTransferToTheLetter(sql: string, schema: string): boolean {
  const mark = parseMark(sql);
  if (!mark) return true;
  const { half, transfer } = mark;
  if (!transfer) return false;
  return half === "arrival"
    ? transfer.to === schema && isMove(sql, transfer)
    : transfer.from === schema && isLeave(sql, transfer);
}

/** The same for the way back, by the migration that it undoes. */
export function readReturn(up: Script, down: Script): { transfer?: Transfer } | { problem: Failure } {
  const read = readTransfer(up);
  if ("problem" in read || !read.transfer) return read;
  const { transfer } = read;
  return isMove(down.sql, reverseTransfer(transfer)) ? { transfer } : { problem: notToTheLetter(down) };
}

function notToTheLetter({ service, migration, shown }: Script): Failure {
  return {
    fact: `${service}: ${shown} says that it moves a table between services, and is not what schemata transfer writes`,
    why: "such a migration runs with the rights of both services, so nothing else may be in it",
    fix: `git checkout ${shown.slice(0, shown.lastIndexOf("/"))}, and put other statements into a migration of their own; or remove ${migration} and transfer again`,
  };
}

/** The texts of a service's migrations, to be looked through when it is asked to give something away. */
export type ReadTexts = (schema: string) => { name: string; sql: string }[] | undefined;

/**
 * The plan, in which migrations that move a table run with the rights of both owners, if the service that loses it has
 * agreed: by a migration of its own that depends on the one that moves it.
 */
export function lendRights(plan: ServicePlan, readTexts: ReadTexts): ServicePlan {
  if (plan.pending.every(({ transfer }) => !transfer)) return plan;
  for (const { transfer, migration } of plan.pending) {
    if (!transfer) continue;
    const wanted = `${plan.service.name}/${migration.name}`;
    if (!agrees(readTexts(transfer.from) ?? [], transfer, wanted)) {
      return { ...plan, pending: [], refusal: notAgreed(plan, { transfer, migration: migration.name }) };
    }
  }
  const lends = plan.role !== undefined;
  const pending = plan.pending.map((script) => (script.transfer ? { ...script, lends } : script));
  return { ...plan, pending };
}

/** Whether a history lets go of what the migration `arrival`, as `service/migration`, moves out of its schema. */
export function agrees(texts: readonly { sql: string }[], transfer: Transfer, arrival: string): boolean {
  return texts.some(({ sql }) => {
    const mark = parseMark(sql);
    return (
      mark?.half === "departure" &&
      mark.transfer !== undefined &&
      isSameTransfer(mark.transfer, transfer) &&
      isLeave(sql, transfer) &&
      parseDependsOn(sql).some(({ service, migration }) => `${service}/${migration}` === arrival)
    );
  });
}

function notAgreed(
  { service }: ServicePlan,
  { transfer, migration }: { transfer: Transfer; migration: string },
): Failure {
  return {
    fact: `${service.name}: ${migration} takes the table "${transfer.table}" out of the schema "${transfer.from}", and no migration there agrees`,
    why: `it runs with the rights of both services, which takes a migration of the other that lets "${transfer.table}" go, as schemata transfer writes it`,
    fix: "restore the other service's half (git log), or remove this one",
  };
}
