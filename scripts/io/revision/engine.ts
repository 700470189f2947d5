import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../../../prisma/engine/open.ts";
import { fail, SchemataError } from "../../core/errors.ts";
import { parseExternals } from "../../core/externals.ts";
import type { NarrowView } from "../../core/narrow/narrow.ts";
import type { Service } from "../../core/service.ts";
import type { ShadowPlace } from "../shadow/place.ts";
import { PATHS } from "../workspace.ts";
import { readHabits } from "./habits.ts";

/** The schema file as Prisma's parser takes it: it knows no byte order mark. */
export function readSchemaFile({ dir }: Service): string {
  return readFileSync(join(dir, PATHS.schemaFile), "utf8").replace(/^\uFEFF/, "");
}

/**
 * Opens the engine within the transaction that is open on the shadow database; the tables of other services are not its
 * business. A schema file that was narrowed comes with what it is to be held against. What `meanwhile` sends is answered
 * after what the engine will ask, while it compares.
 */
export async function openShadowEngine(
  { client, url, version }: ShadowPlace,
  service: Service,
  text: string,
  { view, meanwhile }: { view?: NarrowView | undefined; meanwhile?(): void } = {},
): Promise<Engine> {
  const { openEngine } = await import("../../../prisma/engine/open.ts");
  const pinned = new URL(url);
  pinned.searchParams.set("schema", service.schema);
  return explainEngine(service, () => {
    const opening = openEngine({
      url: pinned.href,
      lent: { client, ahead: { schemas: service.schemas, habits: readHabits(service, version) } },
      schemaFiles: [{ path: service.schemaFile, content: text }],
      external: parseExternals(text, service.schema),
      view,
    });
    meanwhile?.();
    return opening;
  });
}

/** Gives a failure of the engine its service; Prisma's own words hold file, line and what to correct. */
export async function explainEngine<T>(service: Service, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SchemataError || !(error instanceof Error)) throw error;
    const { code, panic } = error as Error & { code?: string; panic?: boolean };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the engine colours its messages for a terminal.
    const why = error.message.replaceAll(/\u001B\[[0-9;]*m/g, "").trim();
    if (code === "P1012") {
      return fail({
        fact: `${service.name}: ${service.schemaFile} is not valid`,
        why,
        fix: `correct ${service.schemaFile}`,
        cause: error,
      });
    }
    return fail({
      fact: `${service.name}: Prisma's engine could not compare ${service.schemaFile} with the migrations`,
      why,
      fix: panic
        ? "this is a defect of Prisma's engine: write the migration by hand with --empty"
        : `correct ${service.schemaFile}, or write the migration by hand with --empty`,
      cause: error,
    });
  }
}
