/** The parts of a dotted name as Postgres reads them from a text: quoted ones as they are, others folded to lower case. */
export function splitName(name: string): string[] {
  return [...name.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^."\s]+))\s*(?:\.|$)/g)].map(([, quoted, plain = ""]) =>
    quoted === undefined ? plain.toLowerCase() : quoted.replaceAll('""', '"'),
  );
}

/** The schemas of a search path as `set_config` takes it: names parted by commas. */
export function splitSearchPath(path: string): string[] {
  return path.split(",").flatMap((part) => splitName(part.trim()));
}
