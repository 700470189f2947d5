/**
 * A comment line at which the adapter ends one message to the server and begins the next, so that each script of a
 * shadow set-up runs as it would alone. To a native engine it is only a comment.
 */
export const SCRIPT_BREAK = "-- schemata: next script";
