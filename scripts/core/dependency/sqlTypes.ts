/** Prisma's names of Postgres' types, as its parser calls them. */
const NATIVE: Readonly<Record<string, string>> = {
  int2: "SmallInt",
  int4: "Integer",
  int8: "BigInt",
  text: "Text",
  varchar: "VarChar",
  bpchar: "Char",
  uuid: "Uuid",
  bool: "Boolean",
  timestamp: "Timestamp",
  timestamptz: "Timestamptz",
  date: "Date",
  time: "Time",
  timetz: "Timetz",
  numeric: "Decimal",
  float4: "Real",
  float8: "DoublePrecision",
  json: "Json",
  jsonb: "JsonB",
  bytea: "ByteA",
  inet: "Inet",
  xml: "Xml",
  bit: "Bit",
  varbit: "VarBit",
  money: "Money",
  oid: "Oid",
  citext: "Citext",
};

/** The native type in Prisma's words, such as `VarChar(64)` for `varchar(64)`; undefined for what has none, as enums. */
export function nativeOf(sqlType: string): string | undefined {
  const [, name = "", modifiers = ""] = /^(\w+)(\([\d,]+\))?(?:\[\])?$/.exec(sqlType) ?? [];
  const native = Object.hasOwn(NATIVE, name) ? NATIVE[name] : undefined;
  return native && native + modifiers;
}
