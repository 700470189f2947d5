/** How an upgrade goes about its work. Times are milliseconds. */
export interface UpgradeOptions {
  /** Services at once, each on a connection of its own. */
  jobs: number;
  /** How long a run may wait for its turn on a service. */
  lockWait: number;
  /** How long one statement may wait for a lock on a table. */
  lockTimeout: number;
  /** How often a transaction that met a lock timeout, a deadlock or the like is run again. */
  retries: number;
}
