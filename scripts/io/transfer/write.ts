import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fail } from "../../core/errors.ts";
import type { TransferFile } from "../../core/transfer/view.ts";
import { LOCK_FILE } from "../revision/write.ts";
import { PATHS } from "../workspace.ts";
import type { HalfDraft, TransferDraft } from "./draft.ts";

/** All files of a transfer, in the order in which they are written. */
export function filesOfTransfer({ arrival, departure }: TransferDraft): TransferFile[] {
  return [arrival, departure].flatMap(({ service, migration, up, down, schemaFile }) => {
    const folder = `services/${service.name}`;
    const files = { [PATHS.up]: up, [PATHS.down]: down };
    return [
      ...Object.entries(files).map(([name, content]) => ({
        path: `${folder}/${PATHS.migrations}/${migration}/${name}`,
        content,
      })),
      { path: `${folder}/${PATHS.schemaFile}`, content: schemaFile },
    ];
  });
}

/** Writes both migrations and both schema files, or nothing: all is there beforehand and only takes its place by renames. */
export function writeTransfer(root: string, { arrival, departure }: TransferDraft): void {
  const stage = join(root, ".schemata", `transfer-${randomBytes(6).toString("hex")}`);
  const undo: (() => void)[] = [];
  try {
    const steps = [arrival, departure].flatMap((half) => prepare(half, join(stage, half.service.name)));
    for (const { from, to, former } of steps) {
      renameSync(from, to);
      undo.unshift(() =>
        former === undefined ? rmSync(to, { recursive: true }) : writeFileSync(to, former),
      );
    }
  } catch (error) {
    for (const step of undo) step();
    const { code, path = root } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    const names = [arrival, departure].map(({ service }) => `services/${service.name}`).join(" ");
    fail({
      fact: `${arrival.service.name}: the transfer cannot be written: ${(error as Error).message}`,
      why: "every file is as it was",
      fix: `chmod -R u+rwX ${names} ${join(root, ".schemata")}, then run it again; the place was ${path}`,
      cause: error,
    });
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

interface Step {
  from: string;
  to: string;
  /** What the file said; absent: it is a folder that was not there. */
  former?: Buffer;
}

function prepare({ service, migration, up, down, schemaFile }: HalfDraft, stage: string): Step[] {
  const migrations = join(service.dir, PATHS.migrations);
  const folder = join(stage, migration);
  mkdirSync(folder, { recursive: true });
  mkdirSync(migrations, { recursive: true });
  if (!existsSync(join(migrations, PATHS.lock))) writeFileSync(join(migrations, PATHS.lock), LOCK_FILE);
  writeFileSync(join(folder, PATHS.up), up);
  writeFileSync(join(folder, PATHS.down), down);
  const place = realpathSync(join(service.dir, PATHS.schemaFile));
  const fresh = join(stage, PATHS.schemaFile);
  writeFileSync(fresh, schemaFile);
  return [
    { from: folder, to: join(migrations, migration) },
    { from: fresh, to: place, former: readFileSync(place) },
  ];
}
