import type { Command } from "../command.ts";

// biome-ignore lint/suspicious/noExplicitAny: each verb has options of its own, and only yargs sees them all.
type Load = () => Promise<{ default: Command<any> }>;

/** Every verb, in the order of `--help`; each is loaded only when it runs. */
export const VERBS: Readonly<Record<string, Load>> = {
  revision: () => import("./revision.ts"),
  "upgrade-head": () => import("./upgrade-head.ts"),
  upgrade: () => import("./upgrade.ts"),
  downgrade: () => import("./downgrade.ts"),
  plan: () => import("./plan.ts"),
  repair: () => import("./repair.ts"),
  baseline: () => import("./baseline.ts"),
  stamp: () => import("./stamp.ts"),
  rebase: () => import("./rebase.ts"),
  squash: () => import("./squash.ts"),
  transfer: () => import("./transfer.ts"),
  sql: () => import("./sql.ts"),
  show: () => import("./show.ts"),
  heads: () => import("./heads.ts"),
  current: () => import("./current.ts"),
  history: () => import("./history.ts"),
  check: () => import("./check.ts"),
  sync: () => import("./sync.ts"),
  guard: () => import("./guard.ts"),
  doctor: () => import("./doctor.ts"),
  "start-db": () => import("./start-db.ts"),
  "stop-db": () => import("./stop-db.ts"),
  "reset-db": () => import("./reset-db.ts"),
  provision: () => import("./provision.ts"),
  "init-sql": () => import("./init-sql.ts"),
  generate: () => import("./generate.ts"),
  dev: () => import("./dev.ts"),
  deploy: () => import("./deploy.ts"),
  prisma: () => import("./prisma.ts"),
  studio: () => import("./studio.ts"),
};
