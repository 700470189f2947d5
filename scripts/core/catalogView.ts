import type { CatalogDifference } from "./catalog.ts";
import { quoteIdent } from "./sql.ts";

const SINGULAR: Readonly<Record<string, string>> = {
  relations: "table or view",
  indexes: "index",
  policies: "policy",
  statistics: "statistics",
  textSearch: "text search",
  eventTriggers: "event trigger",
  operatorClasses: "operator class",
  foreignServers: "foreign server",
  defaultPrivileges: "default privileges",
};

/** One difference as a phrase: the object, and what is the matter with it. */
export function renderDifference({ kind, name, change, details }: CatalogDifference, schema: string): string {
  const words = SINGULAR[kind] ?? kind.replace(/s$/, "");
  const object = `${words} ${name.replace(`${schema}.`, "").replace(`${quoteIdent(schema)}.`, "")}`;
  if (change === "added") return `${object}, which is left behind`;
  return change === "missing" ? object : `${object} (${details.join("; ")})`;
}
