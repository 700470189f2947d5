import { groupBy } from "./groupBy.ts";
import { isOwnerRole, ownerRole } from "./roles.ts";
import { quoteBody, quoteIdent, quoteLiteral } from "./sql.ts";

/** A right on an object of a schema, as the service's migrations name the object. */
export interface HeldRight {
  kind: "TABLE" | "SEQUENCE" | "ROUTINE" | "TYPE";
  name: string;
  /** Quoted; null: the whole object. */
  column: string | null;
  /** Null is everybody. */
  grantee: string | null;
  privilege: string;
}

/** Who may do what with a schema's objects. */
export interface HeldRights {
  rights: HeldRight[];
  /** Every object, with the role that owns it. */
  owners: { kind: HeldRight["kind"]; name: string; owner: string }[];
  /** Whether the schema is the service's owner role's. */
  isManaged: boolean;
}

/** What a migration can say of rights that differ, and what it cannot. */
export interface RightsPlan {
  up: string;
  down: string;
  /** Statements for one database alone, by the roles that they are about: null is everybody. */
  byHand: Map<string | null, string[]>;
}

interface Sides {
  schema: string;
  app: string;
  /** Whose rights may be a migration's: the app role's, and everybody's; or of fewer, where nothing proves them. */
  says: ReadonlySet<string | null>;
  /** Objects that were there before the rest of the migration, as {@link objectKey}: what it made it drops again. */
  kept: ReadonlySet<string>;
}

/**
 * What leads from the rights that migrations give to those that a database has. A migration may grant to the service's
 * program and take from it and from everybody; what others have is one database's own. What does not belong to the owner
 * role was made by somebody else, and lacks only what it will have once it is handed over.
 */
export function planRights(expected: HeldRights, live: HeldRights, sides: Sides): RightsPlan {
  const { schema, app, says, kept } = sides;
  const there = new Set(expected.owners.map(objectKey));
  const owned = new Set(live.owners.filter(({ owner }) => owner === ownerRole(schema)).map(objectKey));
  const [had, has] = [indexRights(expected.rights), indexRights(live.rights)];
  const isOurs = ({ grantee, privilege }: HeldRight) =>
    grantee === ownerRole(schema) || (privilege === "REFERENCES" && grantee !== null && isOwnerRole(grantee));
  const differing = (from: HeldRight[], other: ReadonlyMap<string, HeldRight>) =>
    from.filter((right) => there.has(objectKey(right)) && !isOurs(right) && !other.has(rightKey(right)));
  const more = differing(live.rights, had);
  const less = differing(expected.rights, has).filter(
    (right) => right.grantee !== app || (live.isManaged && owned.has(objectKey(right))),
  );
  const granted = more.filter(({ grantee }) => grantee === app && says.has(app));
  const revoked = less.filter(({ grantee }) => says.has(grantee));
  const byHand = new Map<string | null, string[]>();
  for (const grantee of new Set([...more, ...less].map((right) => right.grantee))) {
    const of = (rights: readonly HeldRight[], done: readonly HeldRight[]) =>
      rights.filter((right) => right.grantee === grantee && !done.includes(right));
    const statements = [...renderAll("REVOKE", of(less, revoked)), ...renderAll("GRANT", of(more, granted))];
    if (statements.length > 0) byHand.set(grantee, statements);
  }
  const isKept = (right: HeldRight) => kept.has(objectKey(right));
  return {
    up: renderScript(app, revoked, withColumns(granted, revoked, live.rights)),
    down: renderScript(
      app,
      granted.filter(isKept),
      withColumns(revoked.filter(isKept), granted, expected.rights),
    ),
    byHand,
  };
}

/** Whether some rights are others again, as far as a migration has a say in them. */
export function areSame(a: HeldRights, b: HeldRights, { says, kept }: Pick<Sides, "says" | "kept">): boolean {
  const [one, other] = [a, b].map(({ rights }) =>
    rights
      .filter((right) => says.has(right.grantee) && kept.has(objectKey(right)))
      .map(rightKey)
      .sort()
      .join("\n"),
  );
  return one === other;
}

/** One key for each object. */
export function objectKey({ kind, name }: Pick<HeldRight, "kind" | "name">): string {
  return `${kind} ${name}`;
}

function rightKey(right: HeldRight): string {
  return JSON.stringify([objectKey(right), right.column, right.grantee, right.privilege]);
}

function indexRights(rights: readonly HeldRight[]): Map<string, HeldRight> {
  return new Map(rights.map((right) => [rightKey(right), right]));
}

/** What is taken of a table is taken of its columns, which may have been granted it one by one. */
function withColumns(
  granted: readonly HeldRight[],
  revoked: readonly HeldRight[],
  wanted: readonly HeldRight[],
): HeldRight[] {
  const taken = new Set(revoked.filter(({ column }) => column === null).map(rightKey));
  const again = wanted.filter(
    (right) => right.column !== null && taken.has(rightKey({ ...right, column: null })),
  );
  return [...new Set([...granted, ...again])];
}

function renderScript(app: string, revoked: readonly HeldRight[], granted: readonly HeldRight[]): string {
  const isApp = ({ grantee }: HeldRight) => grantee === app;
  const plain = [
    ...renderAll(
      "REVOKE",
      revoked.filter((right) => !isApp(right)),
    ),
    ...renderAll(
      "GRANT",
      granted.filter((right) => !isApp(right)),
    ),
  ];
  const guarded = [
    ...renderAll("REVOKE", revoked.filter(isApp)),
    ...renderAll("GRANT", granted.filter(isApp)),
  ];
  return [
    ...(plain.length > 0 ? [`${plain.map((statement) => `${statement};\n`).join("")}`] : []),
    ...(guarded.length > 0 ? [renderGuarded(app, guarded)] : []),
  ].join("\n");
}

/** A database need not have the roles. */
function renderGuarded(app: string, statements: readonly string[]): string {
  const lines = statements.map((statement) => `    ${statement};\n`).join("");
  const body = `\nBEGIN\n  IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${quoteLiteral(app)}) THEN\n${lines}  END IF;\nEND `;
  return `DO ${quoteBody(body)};\n`;
}

/** The statements within a block that {@link planRights} has written; `undefined`: it is another. */
export function readGuarded(statement: string): string[] | undefined {
  const [, , lines] =
    /^DO (\$(?:body\d+)?\$)\nBEGIN\n {2}IF EXISTS \(SELECT FROM pg_roles WHERE rolname = E?'[^\n]*'\) THEN\n((?: {4}(?:GRANT|REVOKE) [^\n]*;\n)+) {2}END IF;\nEND \1$/.exec(
      statement.replaceAll("\r\n", "\n"),
    ) ?? [];
  return lines?.split(/;\n/).flatMap((line) => (line === "" ? [] : [line.trim()]));
}

/** One statement for each object and role. */
function renderAll(verb: "GRANT" | "REVOKE", rights: readonly HeldRight[]): string[] {
  const groups = groupBy(rights, (right) => JSON.stringify([objectKey(right), right.grantee]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const what = group.map(({ privilege, column }) =>
      column === null ? privilege : `${privilege} (${column})`,
    );
    const whom = first.grantee === null ? "PUBLIC" : quoteIdent(first.grantee);
    return [
      `${verb} ${what.join(", ")} ON ${first.kind} ${first.name} ${verb === "GRANT" ? "TO" : "FROM"} ${whom}`,
    ];
  });
}
