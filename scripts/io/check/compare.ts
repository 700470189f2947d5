import { hash } from "node:crypto";
import type { CatalogLike } from "../../core/catalog.ts";
import { findDrift } from "../../core/check/drift.ts";
import type { CheckFinding } from "../../core/check/finding.ts";
import type { Standing } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import type { Answer } from "./shadowWork.ts";

/** Compares what a service's schema holds with what it should; digests first, since mostly there is no difference. */
export async function compareService(
  service: Service,
  {
    standing,
    expected,
    actual,
  }: { standing: Standing; expected: NonNullable<Answer["expected"]>; actual: CatalogLike },
): Promise<CheckFinding[]> {
  if (hash("sha256", JSON.stringify(actual)) === expected.fingerprint) return [];
  return findDrift(
    { expected: await expected.read(), live: actual },
    { service: service.name, current: standing.current, file: service.schemaFile },
  );
}
