import { renderTable } from "./table.ts";

/** The newest migration of a service on disk. */
export interface HeadView {
  service: string;
  schema: string;
  head: string | null;
  /** How many migrations there are. */
  migrations: number;
  /** Why the service could not be looked at. */
  error?: string;
}

/** The table of `heads`. */
export function renderHeads(views: readonly HeadView[]): string {
  const rows = views.map(({ service, head, migrations, error }) => [
    service,
    error?.split("\n")[0] ?? head ?? "-",
    migrations,
  ]);
  return renderTable([["service", "head", "migrations"], ...rows]);
}
