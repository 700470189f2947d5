import { execFileSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

interface Prerequisite {
  /** The word for `skip=`. */
  tool: string;
  /** Whether the bench can do without its lines of the table. */
  optional: boolean;
  found(): boolean;
  /** Debian's packages. */
  packages: string;
}

const PREREQUISITES: readonly Prerequisite[] = [
  {
    tool: "python3",
    optional: false,
    packages: "python3",
    found: () => findProgram("python3") !== undefined,
  },
  {
    tool: "psql",
    optional: true,
    packages: "postgresql-client",
    found: () => findProgram("psql") !== undefined,
  },
  { tool: "alembic", optional: true, packages: "alembic python3-psycopg2", found: hasAlembic },
];

/** What is missing for a bench without the tools in `skipped`: a line each, with the command that installs it. */
export function missingPrerequisites(skipped: ReadonlySet<string>): string[] {
  return PREREQUISITES.filter(
    ({ tool, optional, found }) => !(optional && skipped.has(tool)) && !found(),
  ).map(
    ({ tool, optional, packages }) =>
      `${tool} is missing\n  Fix: apt-get install -y ${packages}${optional ? `   # or make bench skip=${tool}` : ""}`,
  );
}

function findProgram(name: string): string | undefined {
  return process.env.PATH?.split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Asks the Python that alembic itself runs on for its driver. */
function hasAlembic(): boolean {
  const file = findProgram("alembic");
  if (file === undefined) return false;
  const [interpreter = "", ...args] = /^#!\s*(.*)/.exec(readFileSync(file, "utf8"))?.[1]?.split(/\s+/) ?? [];
  try {
    execFileSync(interpreter, [...args, "-c", "import alembic, psycopg2"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
