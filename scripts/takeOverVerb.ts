import type { Context } from "./command.ts";
import { EXIT, type ExitStatus, fail } from "./core/errors.ts";
import type { Rename, RenameRequest } from "./core/rename.ts";
import { describeRevision, filesOf, renderRemarks } from "./core/revisionView.ts";
import type { Service } from "./core/service.ts";
import { closeConnection } from "./io/postgres/connect.ts";
import { reviseFromDatabase, type TakenRevision } from "./io/revision/fromDatabase.ts";
import { prepareStamp, runStamp } from "./io/stamp.ts";
import { PATHS } from "./io/workspace.ts";
import { LOCK_DEFAULTS, parseUpgradeOptions } from "./upgradeOptions.ts";

/** `revision --from-db`, and what it was asked for. */
export interface TakeOverVerb {
  services: readonly Service[];
  service: Service;
  renames: readonly RenameRequest[];
  /** Absent: nothing is written. */
  message: string | undefined;
  sql: boolean;
  check: boolean;
  json: boolean;
  stamp: boolean;
  incomplete: boolean;
  confirm(guesses: readonly Rename[]): Promise<RenameRequest[]>;
}

/** Takes what was changed by hand in the database into a migration, and records it there where that is agreed to. */
export async function takeOver(verb: TakeOverVerb, context: Context): Promise<ExitStatus> {
  const { settings, note, print, signal } = context;
  const { name } = verb.service;
  const { revision, warnings } = await reviseFromDatabase({ settings, note, signal, ...verb });
  if (!revision) {
    for (const warning of warnings) note(`Warning: ${name}: ${warning}`);
    if (verb.json) print(JSON.stringify(describeRevision(name, undefined)));
    else if (warnings.length > 0) note(`${name}: nothing else was changed by hand`);
    else note(`${name}: nothing was changed by hand, the database is what the migrations make`);
    return EXIT.done;
  }
  const view = { ...revision, service: name };
  for (const remark of [...renderRemarks(view), ...remarksOf(revision, verb.service)]) note(remark);
  const stamped = await record(revision, verb, context);
  const { migration, schemaFile, missing } = revision;
  if (verb.json) print(JSON.stringify({ ...describeRevision(name, view), schemaFile, missing, stamped }));
  else if (verb.sql) print(revision.sql.trimEnd());
  else if (migration === undefined) note(`${name}: the database is ahead of the migrations`);
  else
    print(
      [...filesOf(name, migration), ...(schemaFile === "updated" ? [schemaFileOf(name)] : [])].join("\n"),
    );
  return verb.check ? EXIT.findings : EXIT.done;
}

function schemaFileOf(service: string): string {
  return `services/${service}/${PATHS.schemaFile}`;
}

function remarksOf({ missing, schemaFile }: TakenRevision, { name }: Service): string[] {
  const file = schemaFileOf(name);
  return [
    ...missing.map((what) => `Warning: ${name}: not in the migration: ${what}`),
    ...(schemaFile === "updated"
      ? [`Note: ${name}: ${file} says the same now; look at it: git diff ${file}`]
      : []),
    ...(schemaFile === "other"
      ? [
          `Warning: ${name}: ${file} says something else and was left as it is, so the next revision would undo what was changed by hand; bring it in there, or have it written from the database: make prisma app=${name} args="db pull"`,
        ]
      : []),
  ];
}

/** The database has the change already: there the migration is only recorded. */
async function record(
  { migration, missing }: TakenRevision,
  { service, stamp }: TakeOverVerb,
  { settings, note, ask }: Context,
): Promise<boolean> {
  if (migration === undefined) return false;
  const { name } = service;
  const later = `make stamp app=${name} to=${migration}`;
  if (missing.length > 0) {
    note(
      `${name}: add what is missing to ${migration}, then record it in this database, which has it: ${later}`,
    );
    return false;
  }
  const question = `This database has the change already. Record ${migration} as applied there? [y/N] `;
  const agreed = stamp || /^y(es)?$/i.test((await ask(question))?.trim() ?? "");
  if (!agreed) {
    note(`${name}: not recorded yet in this database, which has the change already: ${later}`);
    return false;
  }
  const options = parseUpgradeOptions({ jobs: 1, ...LOCK_DEFAULTS });
  const prepared = await prepareStamp(settings.databaseUrl, {
    service,
    target: { to: migration },
    lockWait: options.lockWait,
    onDatabaseCreated: () => {},
  });
  try {
    const { mark, unmark } = prepared.change;
    if (mark.map((one) => one.name).join() !== migration || unmark.length > 0)
      fail({
        fact: `${name}: ${migration} is written, and was not recorded: the ledger has changed since it was read`,
        why: "another run was quicker",
        fix: `look at it: make history app=${name}; then ${later}`,
      });
    await runStamp(prepared, { options, command: later });
  } finally {
    await closeConnection(prepared.client);
  }
  note(`${name}: recorded as applied; current is ${migration}`);
  return true;
}
