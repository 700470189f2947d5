/** The rule by which a migration takes from other services what they refer to; a script may be excepted from it. */
export const BREAK_RULE = "breaks-dependent";
