import { compareCatalogs } from "../../core/catalog.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import type { Tables } from "../../core/tables.ts";
import { prepareReadObjects, type ReadObjects, readCatalog } from "../postgres/catalog.ts";
import type { Client } from "../postgres/connect.ts";
import { changedNames, prepareReadVersions, type RowVersions } from "../postgres/rowVersions.ts";
import { inFlight } from "../postgres/send.ts";
import { readTables } from "../postgres/tables.ts";
import { prepareScript } from "./prove.ts";

/** A schema as it is before up, and how to look at it again within the same transaction. */
export interface SchemaWatch {
  schema: string;
  before: Promise<RowVersions>;
  readVersions(): Promise<RowVersions>;
  readObjects: ReadObjects;
}

/** Looks at a schema before up, and has the server plan what it will be asked after it. Waits for nothing. */
export function watchSchema(client: Client, schema: string): SchemaWatch {
  const readVersions = prepareReadVersions(client, schema);
  const before = inFlight(readVersions());
  return { schema, before, readVersions, readObjects: prepareReadObjects(client, schema) };
}

/** What up and down do to those tables, sequences and types whose rows in the catalogs they write. */
export interface TouchedProof {
  /** Down ran, and what the two wrote says the same as before. Where not, {@link proveDown} tells why. */
  restored: boolean;
  /** What up writes, by name; `undefined` where it also writes what belongs to no table, sequence or type. */
  touched: string[] | undefined;
  /** The tables among them, before and after up. */
  before: Tables;
  after: Tables;
}

/** A proof whose up is under way. */
export interface BegunProof {
  /** Runs down, and leaves the transaction as it was before up; a failure of up is thrown. */
  finish(down: string): Promise<TouchedProof>;
}

/**
 * Sends up to the open transaction. Of what up and down do, both written by the schema engine, the proof looks at nothing
 * but what they write, so that a schema of hundreds of tables takes no longer than one of two. What is sent is not waited
 * for before it has to be.
 */
export async function beginProof(
  client: Client,
  { schema, before: versions, readVersions, readObjects }: SchemaWatch,
  up: string,
): Promise<BegunProof> {
  const setPath = () =>
    inFlight(client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]));
  const script = await prepareScript(up);
  // Types are written as this path shows them, before up as after it.
  const pathSet = setPath();
  const begun = inFlight(client.query("SAVEPOINT proof"));
  const ranUp = inFlight(client.query(script));
  const readWritten = inFlight(readVersions());
  return {
    finish: async (down) => {
      await Promise.all([pathSet, begun]);
      await ranUp;
      const written = changedNames(await versions, await readWritten);
      const touched = written.includes("") ? undefined : written;
      const readTouched = () => inFlight(touched ? readObjects(touched) : readCatalog(client, [schema]));
      const readSome = () => inFlight(readTables(client, schema, touched));
      const after = readSome();
      const reversal = await prepareScript(down).catch(() => undefined);
      const downPath = setPath();
      const ranDown = inFlight(
        reversal === undefined ? Promise.reject(new Error("it cannot run")) : client.query(reversal),
      );
      const readLeft = inFlight(readVersions());
      const made = readTouched();
      const undone = inFlight(client.query("ROLLBACK TO SAVEPOINT proof"));
      const was = readTouched();
      const before = readSome();
      const isRestored = async () => {
        await Promise.all([downPath, ranDown]);
        const left = changedNames(await versions, await readLeft);
        const isLookedAt = (name: string) => !touched || touched.includes(name);
        return left.every(isLookedAt) && compareCatalogs(await was, await made).length === 0;
      };
      const restored = await isRestored().catch(() => false);
      await undone;
      return { restored, touched, before: await before, after: await after };
    },
  };
}
