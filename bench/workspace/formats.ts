import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { planSteps, renderSchemaFile, type Step } from "./history.ts";

/** The same histories, once for each tool, in one folder. */
export interface Workspace {
  /** Names of the services, which are also their schemas. */
  services: string[];
  /** A workspace of this project: also what the stock Prisma CLI reads. */
  root: string;
  /** One script a service, in one transaction. */
  psqlFile(service: string): string;
  nodePgMigrateDir(): string;
  dbmateDir(service: string): string;
  alembicIni(service: string): string;
}

/** How many services with how many migrations, and for which of the other tools beside Prisma's own format. */
export interface WorkspaceSize {
  services: number | readonly string[];
  migrations: number;
  formats?: readonly ("psql" | "nodePgMigrate" | "dbmate" | "alembic")[];
}

/** Writes a workspace into an empty or absent folder. */
export function writeWorkspace(
  dir: string,
  { services, migrations, formats = [] }: WorkspaceSize,
): Workspace {
  rmSync(dir, { recursive: true, force: true });
  const names =
    typeof services === "number" ? Array.from({ length: services }, (_, n) => serviceName(n)) : services;
  const steps = planSteps(migrations);
  const workspace: Workspace = {
    services: [...names],
    root: join(dir, "prisma"),
    psqlFile: (service) => join(dir, "psql", `${service}.sql`),
    nodePgMigrateDir: () => join(dir, "node-pg-migrate"),
    dbmateDir: (service) => join(dir, "dbmate", service),
    alembicIni: (service) => join(dir, "alembic", service, "alembic.ini"),
  };
  for (const service of names) {
    writePrisma(join(workspace.root, "services", service), service, steps);
    if (formats.includes("psql")) writeFile(workspace.psqlFile(service), renderPsql(service, steps));
    if (formats.includes("nodePgMigrate"))
      writeScripts(
        join(workspace.nodePgMigrateDir(), service),
        steps,
        "-- Up Migration",
        "-- Down Migration",
      );
    if (formats.includes("dbmate"))
      writeScripts(workspace.dbmateDir(service), steps, "-- migrate:up", "-- migrate:down");
    if (formats.includes("alembic")) writeAlembic(dirname(workspace.alembicIni(service)), steps);
  }
  return workspace;
}

function serviceName(index: number): string {
  return `svc_${String(index + 1).padStart(4, "0")}`;
}

function writePrisma(dir: string, service: string, steps: readonly Step[]): void {
  const url = `\`\${process.env.DATABASE_URL}?schema=${service}\``;
  writeFile(join(dir, "schema.prisma"), renderSchemaFile(service, steps.length));
  writeFile(
    join(dir, "prisma.config.ts"),
    `export default { schema: "schema.prisma", migrations: { path: "migrations" }, datasource: { url: ${url} } };\n`,
  );
  writeFile(join(dir, "migrations", "migration_lock.toml"), 'provider = "postgresql"\n');
  for (const { name, up, down } of steps) {
    writeFile(join(dir, "migrations", name, "migration.sql"), up);
    writeFile(join(dir, "migrations", name, "down.sql"), down);
  }
}

function renderPsql(service: string, steps: readonly Step[]): string {
  const schema = quoteIdent(service);
  const head = `BEGIN;\nCREATE SCHEMA ${schema};\nSET LOCAL search_path TO ${schema};\n`;
  return `${head}${steps.map(({ up }) => up).join("\n")}\nCOMMIT;\n`;
}

function writeScripts(dir: string, steps: readonly Step[], upMark: string, downMark: string): void {
  for (const { name, up, down } of steps) {
    writeFile(join(dir, `${name}.sql`), `${upMark}\n${up}\n${downMark}\n${down}`);
  }
}

/** Plain `op.execute`: the least that alembic can be asked to do for a migration. */
function writeAlembic(dir: string, steps: readonly Step[]): void {
  writeFile(join(dir, "alembic.ini"), "[alembic]\nscript_location = %(here)s\n");
  writeFile(join(dir, "script.py.mako"), ALEMBIC_TEMPLATE);
  writeFile(join(dir, "env.py"), ALEMBIC_ENV);
  writeFile(join(dir, "models.py"), ALEMBIC_MODELS);
  for (const [index, { name, up, down }] of steps.entries()) {
    const previous = steps[index - 1];
    const parent = previous ? JSON.stringify(revisionId(previous)) : "None";
    const body = (verb: string, sql: string) => `def ${verb}():\n    op.execute(r"""${sql}""")\n`;
    writeFile(
      join(dir, "versions", `${name}.py`),
      [
        "from alembic import op",
        `revision = ${JSON.stringify(revisionId({ name }))}`,
        `down_revision = ${parent}`,
        "branch_labels = None",
        "depends_on = None",
        body("upgrade", up),
        body("downgrade", down),
      ].join("\n"),
    );
  }
}

function revisionId({ name }: Pick<Step, "name">): string {
  return name.slice(0, 14);
}

const ALEMBIC_TEMPLATE = `"""\${message}"""
from alembic import op
import sqlalchemy as sa

revision = \${repr(up_revision)}
down_revision = \${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade():
    \${upgrades if upgrades else "pass"}


def downgrade():
    \${downgrades if downgrades else "pass"}
`;

const ALEMBIC_ENV = `import os
import sys

from alembic import context
from sqlalchemy import create_engine, text

sys.path.insert(0, os.path.dirname(__file__))
from models import Base

schema = os.environ["DB_SCHEMA"]


def include_name(name, type_, parent_names):
    return name == schema if type_ == "schema" else True


engine = create_engine(os.environ["DATABASE_URL"], connect_args={"options": f"-csearch_path={schema}"})
with engine.connect() as connection:
    with connection.begin():
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table_schema=schema,
        include_schemas=True,
        include_name=include_name,
    )
    with context.begin_transaction():
        context.run_migrations()
`;

/** The models after the first two migrations, and one column more, for \`revision --autogenerate\`. */
const ALEMBIC_MODELS = `import os

from sqlalchemy import Column, Enum, Index, MetaData, Numeric, Text, func
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import declarative_base

schema = os.environ["DB_SCHEMA"]
Base = declarative_base(metadata=MetaData(schema=schema))


class Account(Base):
    __tablename__ = "Account1"
    id = Column(Text, primary_key=True)
    email = Column(Text, nullable=False)
    status = Column(Enum("ACTIVE", "CLOSED", name="Status1"), nullable=False, server_default="ACTIVE")
    createdAt = Column(TIMESTAMP(precision=3), nullable=False, server_default=func.now())
    nickname = Column(Text)
    __table_args__ = (Index("Account1_email_key", "email", unique=True),)


class Entry(Base):
    __tablename__ = "Entry1"
    id = Column(Text, primary_key=True)
    accountId = Column(Text, nullable=False, index=False)
    amount = Column(Numeric(12, 2), nullable=False)
    createdAt = Column(TIMESTAMP(precision=3), nullable=False, server_default=func.now())
    __table_args__ = (Index("Entry1_accountId_idx", "accountId"),)
`;

function writeFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
