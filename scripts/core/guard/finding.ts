/** `error` stops a strict run; `warning` is worth a look. */
export type Severity = "error" | "warning";

/** One thing that a migration must not do, or that nobody can tell from its text. */
export interface Finding {
  rule: string;
  severity: Severity;
  service: string;
  /** As shown to users, relative to the workspace. */
  file: string;
  /** Both count from 1, columns in code points. */
  line: number;
  column: number;
  /** What is wrong, without the service's name. */
  message: string;
  /** What to write or run instead. */
  fix: string;
}

/** An exception that a migration declares for one rule, with how many findings it lets pass. */
export interface Exception {
  rule: string;
  reason: string;
  service: string;
  file: string;
  line: number;
  passed: number;
}

/** Whose migration is judged, and what it may name. */
export interface Ownership {
  service: string;
  /** The schema that the service owns. */
  schema: string;
  /** Tables that its schema file repeats of other services, by schema: foreign keys may point at them. */
  references: ReadonlyMap<string, ReadonlySet<string>>;
  /** Enums that it repeats in the same way: columns may be of these types. */
  types?: ReadonlyMap<string, ReadonlySet<string>>;
  /** Schemas of the workspace's other services. */
  otherSchemas: readonly string[];
  /** Extensions that its schema file declares. */
  extensions: readonly string[];
  /** Services whose schema files repeat tables of this one. */
  dependents: readonly string[];
}
