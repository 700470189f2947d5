/** The rule by which a statement is reported that a Citus cluster refuses; a script may be excepted from it. */
export const CITUS_RULE = "citus";
