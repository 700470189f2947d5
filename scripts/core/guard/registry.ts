import type { Rule } from "./rule.ts";
import { NAME_RULES } from "./rules/foreignNames.ts";
import { ROLE_RULES } from "./rules/roles.ts";
import { SCRIPT_RULES } from "./rules/script.ts";
import { SERVER_RULES } from "./rules/server.ts";
import { SESSION_RULES } from "./rules/session.ts";
import { SHARED_RULES } from "./rules/shared.ts";

/** Every rule of the guard; a new one is written under rules/ and added to its family's list. */
export const RULES: readonly Rule[] = [
  ...NAME_RULES,
  ...SHARED_RULES,
  ...SESSION_RULES,
  ...ROLE_RULES,
  ...SERVER_RULES,
  ...SCRIPT_RULES,
];
