/** What a transaction on Citus begins with: types and the tables that use them can then be made in one (42P01 otherwise). */
export const CITUS_PROPAGATION = { name: "citus.create_object_propagation", value: "deferred" } as const;

/** A message without the shard numbers that Citus appends to names, as in `user_email_key_102205`. */
export function stripShardSuffix(message: string): string {
  return message.replaceAll(/("[^"]*?|\b\w+?)_\d{6,}(?="|\b)/g, "$1");
}
