/** What to say of a statement that hurts while programs are at work, and how to write it instead. */
export interface UnsafeRule {
  message: string;
  /** The safe rewrite. */
  fix: string;
}

/** Squawk's rules that fit this system, by their names; users write these in `-- schemata:allow <name> because …`. */
export const UNSAFE_RULES: Readonly<Record<string, UnsafeRule>> = {
  "require-concurrent-index-creation": {
    message: "CREATE INDEX keeps all writes to the table waiting until it is built",
    fix: "write CREATE INDEX CONCURRENTLY, alone in a migration of its own",
  },
  "require-concurrent-index-deletion": {
    message: "DROP INDEX keeps all reads and writes of the table waiting, once it waits for one of them",
    fix: "write DROP INDEX CONCURRENTLY, alone in a migration of its own",
  },
  "require-concurrent-reindex": {
    message: "REINDEX keeps all writes to the table waiting until it is done, and reads that use the index",
    fix: "write REINDEX … CONCURRENTLY, alone in a migration of its own",
  },
  "require-concurrent-partition-detach": {
    message: "DETACH PARTITION keeps all reads and writes of the whole table waiting",
    fix: "write DETACH PARTITION … CONCURRENTLY, alone in a migration of its own",
  },
  "adding-foreign-key-constraint": {
    message: "every row is checked against the new foreign key while writes to both tables wait",
    fix: "add the foreign key NOT VALID, and VALIDATE CONSTRAINT in a later migration",
  },
  "constraint-missing-not-valid": {
    message: "every row is checked against the new constraint while reads and writes wait",
    fix: "add the constraint NOT VALID, and VALIDATE CONSTRAINT in a later migration",
  },
  "disallowed-unique-constraint": {
    message: "the index of the new UNIQUE constraint is built while all reads and writes wait",
    fix: "CREATE UNIQUE INDEX CONCURRENTLY alone in a migration, then in the next ADD CONSTRAINT … UNIQUE USING INDEX",
  },
  "adding-serial-primary-key-field": {
    message: "the index of the new primary key is built while all reads and writes wait",
    fix: "CREATE UNIQUE INDEX CONCURRENTLY alone in a migration, then in the next ADD CONSTRAINT … PRIMARY KEY USING INDEX",
  },
  "adding-required-field": {
    message: "a required column without a default cannot be added to a table that has rows",
    fix: "expand and contract: add it with a default or nullable, fill it, and SET NOT NULL in a later migration",
  },
  "adding-not-nullable-field": {
    message: "SET NOT NULL reads the whole table while all others wait",
    fix: "add CHECK (… IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT in a later migration, and SET NOT NULL in the one after, which then need not read",
  },
  "adding-field-with-default": {
    message: "the value of the new column differs by row, so the table is rewritten while all others wait",
    fix: "add the column without it, SET DEFAULT for new rows, and fill the old ones in batches",
  },
  "changing-column-type": {
    message:
      "another type may rewrite the table while all others wait, and programs at work expect the old one",
    fix: "expand and contract: add a column of the new type, fill it, let the program use it, and drop the old one in a later migration",
  },
  "renaming-column": {
    message: "programs at work still use the old name of the column",
    fix: "expand and contract: add a column of the new name, fill it, let the program use it, and drop the old one in a later migration; or rename in the schema file alone, with @map",
  },
  "renaming-table": {
    message: "programs at work still use the old name of the table",
    fix: "leave a view of the old name until no program uses it; or rename in the schema file alone, with @@map",
  },
  "ban-drop-column": {
    message: "programs at work may still use the column, and its values are gone",
    fix: "expand and contract: first release the program that does without it, then drop it in a later migration",
  },
  "ban-drop-table": {
    message: "programs at work may still use the table, and its rows are gone",
    fix: "expand and contract: first release the program that does without it, then drop it in a later migration",
  },
  "ban-truncate-cascade": {
    message: "TRUNCATE … CASCADE also empties every table that refers to this one",
    fix: "name the tables that are to be emptied, without CASCADE",
  },
  "ban-alter-domain-with-add-constraint": {
    message: "every column of the domain is checked against the new constraint while writes wait",
    fix: "add it NOT VALID, and VALIDATE CONSTRAINT in a later migration; or put it on the columns",
  },
};

/**
 * Squawk's rules that do not fit: the runner sets timeouts and transactions itself and never runs half of a script
 * again, the guard has rules of its own on some of it, and types are for the schema file to choose.
 */
export const LEFT_OUT: readonly string[] = [
  "require-lock-timeout",
  "require-statement-timeout",
  "require-timeout-settings",
  "prefer-robust-stmts",
  "transaction-nesting",
  "ban-uncommitted-transaction",
  "ban-concurrent-index-creation-in-transaction",
  "ban-drop-database",
  "ban-drop-not-null",
  "ban-char-field",
  "ban-create-domain-with-constraint",
  "identifier-too-long",
  "prefer-bigint-over-int",
  "prefer-bigint-over-smallint",
  "prefer-identity",
  "prefer-text-field",
  "prefer-timestamp-tz",
  "require-enum-value-ordering",
  "require-table-schema",
];

const NAME = '"[^"\\n]+"';
const TYPE = `(?:${NAME}|DOUBLE PRECISION|(?!\\w*SERIAL)[A-Z]+)(?:\\(\\d+(?:,\\d+)?\\))?(?:\\[\\])?`;
const COLUMN = `ADD COLUMN +${NAME} ${TYPE}`;

/** Columns that may be null and have no default, as Prisma adds them: what most migrations do, and it hurts nobody. */
const HARMLESS = new RegExp(`^ALTER TABLE (?:${NAME}\\.)?${NAME} ${COLUMN}(?:, *\\n?${COLUMN})*;$`, "gm");

/** Whether a script may hold what the rules object to, told without reading it: `false` is certain. */
export function mayBeUnsafe(sql: string): boolean {
  return /\b(?:ALTER|DROP|INDEX|TRUNCATE|REINDEX)\b/i.test(sql.replaceAll(HARMLESS, ""));
}
