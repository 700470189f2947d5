import { resolve } from "node:path";
import { agrees, readTransfer } from "../../core/transfer/lend.ts";
import { shownFile } from "../script.ts";
import { readMigrations, readScript, readServices } from "../workspace.ts";
import { readTexts } from "./halves.ts";

/**
 * Whether a script is that of a migration in the service's folder which moves a table to the letter as a transfer does,
 * and the service that loses the table agrees: what a plan of ours finds out before it lends rights, for the stock CLI.
 */
export function isAgreed(serviceDir: string, sql: string): boolean {
  const services = readServices(resolve(serviceDir, "../..")).filter(({ problem }) => !problem);
  const service = services.find(({ dir }) => resolve(dir) === resolve(serviceDir));
  const migration = service && readMigrations(service).find((one) => readScript(service, one) === sql);
  if (!migration) return false;
  const place = { service: service.name, schema: service.schema, shown: shownFile(service, migration) };
  const read = readTransfer({ ...place, migration: migration.name, sql });
  if ("problem" in read || !read.transfer) return false;
  const { transfer } = read;
  const giver = services.filter(({ schema }) => schema === transfer.from);
  const known = giver.map((one) => ({ service: one, migrations: readMigrations(one) }));
  return agrees(readTexts(transfer.from, known) ?? [], transfer, `${service.name}/${migration.name}`);
}
