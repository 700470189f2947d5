import { type ColumnType, ColumnTypeEnum, type SqlResultSet } from "@prisma/driver-adapter-utils";
import pg from "pg";

type Parse = (text: string) => unknown;
type Reading = readonly [type: ColumnType, parse: Parse];

const asIs: Parse = (text) => text;
const list = (oid: number, item: Parse): Parse => {
  const parse = pg.types.getTypeParser(oid, "text") as (text: string) => unknown;
  return (text) => (parse(text) as (string | null)[]).map((value) => (value === null ? null : item(value)));
};
/** pg's parser for text[]: splits any array into its items' texts. */
const TEXT_ARRAY = 1009;
const listOf = (item: Parse): Parse => list(TEXT_ARRAY, item);

/** Postgres' ISO output made RFC 3339, which the engine reads: a `T`, and an offset with minutes. */
const dateTime: Parse = (text) => {
  const [, date, time, offset] = /^(\S+) (\S+?)([+-]\d\d(?::\d\d)*)?$/.exec(text) ?? [];
  if (date === undefined) return text;
  const minutes = offset === undefined ? "+00:00" : offset.length === 3 ? `${offset}:00` : offset.slice(0, 6);
  return `${date}T${time}${minutes}`;
};
const timeOnly: Parse = (text) => text.replace(/[+-]\d\d(:\d\d)*$/, "");
const bytes = pg.types.getTypeParser(17, "text") as Parse;

const T = ColumnTypeEnum;
const TEXT: Reading = [T.Text, asIs];
const TEXTS: Reading = [T.TextArray, listOf(asIs)];

/**
 * How each built-in type reaches the engine, by its OID. "char" (18) must be a Character: every introspection reads it.
 * What is not here, such as enums and other types made by users, is text.
 */
const READINGS: Readonly<Record<number, Reading>> = {
  16: [T.Boolean, (text) => text === "t"],
  17: [T.Bytes, bytes],
  18: [T.Character, asIs],
  20: [T.Int64, asIs],
  21: [T.Int32, Number],
  23: [T.Int32, Number],
  26: [T.Int64, asIs],
  114: [T.Json, asIs],
  700: [T.Float, Number],
  701: [T.Double, Number],
  1082: [T.Date, asIs],
  1083: [T.Time, asIs],
  1114: [T.DateTime, dateTime],
  1184: [T.DateTime, dateTime],
  1266: [T.Time, timeOnly],
  1700: [T.Numeric, asIs],
  2950: [T.Uuid, asIs],
  3802: [T.Json, asIs],
  199: [T.JsonArray, listOf(asIs)],
  1000: [T.BooleanArray, listOf((text) => text === "t")],
  1001: [T.BytesArray, listOf(bytes)],
  1002: [T.CharacterArray, listOf(asIs)],
  1003: TEXTS,
  1005: [T.Int32Array, listOf(Number)],
  1007: [T.Int32Array, listOf(Number)],
  1009: TEXTS,
  1014: TEXTS,
  1015: TEXTS,
  1016: [T.Int64Array, listOf(asIs)],
  1021: [T.FloatArray, listOf(Number)],
  1022: [T.DoubleArray, listOf(Number)],
  1028: [T.Int64Array, listOf(asIs)],
  1115: [T.DateTimeArray, listOf(dateTime)],
  1182: [T.DateArray, listOf(asIs)],
  1183: [T.TimeArray, listOf(asIs)],
  1185: [T.DateTimeArray, listOf(dateTime)],
  1231: [T.NumericArray, listOf(asIs)],
  2951: [T.UuidArray, listOf(asIs)],
  3807: [T.JsonArray, listOf(asIs)],
};

/** The type and parser for a column of that OID. */
export function readingOf(oid: number): Reading {
  return READINGS[oid] ?? TEXT;
}

/** Tells pg to leave every value as the text that the server sent. */
export const RAW_TYPES = { getTypeParser: () => asIs } as unknown as pg.CustomTypesConfig;

/** What the server sent, read with {@link RAW_TYPES} and in arrays, as the engine takes it. */
export function toResultSet(result: pg.QueryArrayResult): SqlResultSet {
  const readings = result.fields.map((field) => readingOf(field.dataTypeID));
  const rows = result.rows as (string | null)[][];
  return {
    columnNames: result.fields.map((field) => field.name),
    columnTypes: readings.map(([type]) => type),
    rows: rows.map((row) => row.map((value, index) => (value === null ? null : readings[index]?.[1](value)))),
  };
}
