import type { JsonValue } from "../events/json.ts";

/**
 * A long list of values that are alike, as columns: what is the same in all of them is said once, ids are packed, and numbers that
 * grow are their differences. `valuesOf(columnOf(list))` is the list again, byte by byte.
 */
export type Column =
  /** As they are. */
  | { readonly all: readonly JsonValue[] }
  /** One value, so often. */
  | { readonly n: number; readonly same: JsonValue }
  /** Integers: the first, and what each adds to the one before it. */
  | { readonly steps: readonly number[] }
  /** Few values, and which of them each is: a character for each, or where there are too many of them a number. */
  | { readonly of: readonly JsonValue[]; readonly at: string | readonly number[] }
  /** Words before a UUID, and all their UUIDs in base64. */
  | { readonly ids: string; readonly b64: string }
  /** One value, but at some places others. */
  | { readonly n: number; readonly most: JsonValue; readonly at: Column; readonly but: Column }
  /** Objects: the keys that there are, which of them each has in which order, and the values of each key. */
  | {
      readonly keys: readonly string[];
      readonly shapes: readonly (readonly number[])[];
      readonly shape: Column;
      readonly fields: readonly Column[];
    };

/** One character for each of the first of few values; none of them is escaped in JSON. */
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
const UUID_CHARS = 36;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_BYTES = 16;
/** A value that one in so many has is said once, with the places of the others. */
const OFTEN = 10;

type Plain = { [key: string]: JsonValue };

// A key of that name would become the prototype of what is put together again.
const isPlain = (value: JsonValue): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Object.hasOwn(value, "__proto__");
/** Greater ones could have a difference that is not exact. */
const GREATEST = 2 ** 52;
const isWhole = (value: JsonValue): value is number =>
  Number.isInteger(value) && Math.abs(value as number) < GREATEST && !Object.is(value, -0);

const isNested = (value: JsonValue): value is object & JsonValue => typeof value === "object" && value !== null;
/** The same for the same values, and for no others. */
const textOf = (value: JsonValue): string => {
  if (typeof value === "string") return `"${value}`;
  return isNested(value) ? JSON.stringify(value) : String(value);
};

/** The shortest of the ways in which these values can be written. */
export function columnOf(values: readonly JsonValue[]): Column {
  const objects = values.every(isPlain) && values.length > 1 ? tableOf(values) : null;
  if (objects !== null) return objects;
  const [first = null] = values;
  if (values.length > 0 && !isNested(first) && values.every((value) => value === first))
    return { n: values.length, same: first };
  const texts = values.map(textOf);
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  let [most, often] = ["", 0];
  for (const [text, count] of counts) if (count > often) [most, often] = [text, count];
  const n = values.length;
  if (counts.size === 1) return { n, same: values[0] ?? null };
  const hasFew = counts.size * 2 <= n;
  if (often * 2 >= n && n > 4) return exceptOf(values, texts, most);
  if (hasFew && counts.size <= DIGITS.length) return choiceOf(values, texts, counts);
  if (values.every(isWhole)) return { steps: values.map((value, i) => value - (i === 0 ? 0 : (values[i - 1] ?? 0))) };
  const ids = idsOf(values);
  if (ids !== null) return ids;
  if (often * OFTEN >= n && often > 4) return exceptOf(values, texts, most);
  return hasFew ? choiceOf(values, texts, counts) : { all: values };
}

function exceptOf(values: readonly JsonValue[], texts: readonly string[], most: string): Column {
  const places = values.flatMap((_value, i) => (texts[i] === most ? [] : [i]));
  return {
    n: values.length,
    most: values[texts.indexOf(most)] ?? null,
    at: columnOf(places),
    but: columnOf(places.map((i) => values[i] ?? null)),
  };
}

function choiceOf(values: readonly JsonValue[], texts: readonly string[], counts: ReadonlyMap<string, number>): Column {
  const places = new Map(Array.from(counts.keys(), (text, i) => [text, i]));
  const of = Array.from(counts.keys(), () => null as JsonValue);
  texts.forEach((text, i) => (of[places.get(text) ?? 0] = values[i] ?? null));
  const at = texts.map((text) => places.get(text) ?? 0);
  return { of, at: of.length <= DIGITS.length ? at.map((i) => DIGITS[i]).join("") : at };
}

function idsOf(values: readonly JsonValue[]): Column | null {
  const [first] = values;
  if (typeof first !== "string" || first.length < UUID_CHARS) return null;
  const ids = first.slice(0, -UUID_CHARS);
  let bytes = "";
  for (const value of values) {
    if (typeof value !== "string" || value.length !== first.length || !value.startsWith(ids)) return null;
    const uuid = value.slice(ids.length);
    if (!UUID.test(uuid)) return null;
    const hex = uuid.replaceAll("-", "");
    for (let i = 0; i < hex.length; i += 2) bytes += String.fromCharCode(Number.parseInt(hex.slice(i, i + 2), 16));
  }
  return { ids, b64: btoa(bytes) };
}

/** Null: they have so little in common that columns are no shorter. */
function tableOf(values: readonly Plain[]): Column | null {
  const keys = new Map<string, JsonValue[]>();
  const shapes = new Map<string, { at: number; keys: readonly string[] }>();
  let known = { at: -1, keys: [] as readonly string[] };
  const shape = values.map((value) => {
    const own = Object.keys(value);
    // Neighbours are most often alike.
    if (known.at === -1 || own.length !== known.keys.length || own.some((key, i) => key !== known.keys[i])) {
      const name = JSON.stringify(own);
      known = shapes.get(name) ?? { at: shapes.size, keys: own };
      shapes.set(name, known);
    }
    for (const key of own) {
      const field = keys.get(key);
      if (field === undefined) keys.set(key, [value[key] ?? null]);
      else field.push(value[key] ?? null);
    }
    return known.at;
  });
  if (shapes.size > DIGITS.length || shapes.size * 2 > values.length) return null;
  const places = new Map(Array.from(keys.keys(), (key, i) => [key, i]));
  return {
    keys: [...keys.keys()],
    shapes: Array.from(shapes.values(), (one) => one.keys.map((key) => places.get(key) ?? 0)),
    shape: columnOf(shape),
    fields: Array.from(keys.values(), columnOf),
  };
}

/** The values that a column was made of. */
export function valuesOf(column: Column): JsonValue[] {
  if ("all" in column) return [...column.all];
  if ("same" in column) return Array.from({ length: column.n }, () => column.same);
  if ("steps" in column) {
    let sum = 0;
    return column.steps.map((step) => (sum += step));
  }
  if ("of" in column) {
    const { of, at } = column;
    const places = typeof at === "string" ? Array.from(at, (digit) => DIGITS.indexOf(digit)) : at;
    return places.map((i) => of[i] ?? null);
  }
  if ("ids" in column) return uuidsIn(column.ids, atob(column.b64));
  if ("most" in column) {
    const values: JsonValue[] = Array.from({ length: column.n }, () => column.most);
    const but = valuesOf(column.but);
    valuesOf(column.at).forEach((place, i) => (values[place as number] = but[i] ?? null));
    return values;
  }
  return rowsIn(column);
}

/** Each byte as two hexadecimal digits. */
const HEX = Array.from({ length: 256 }, (_none, byte) => byte.toString(16).padStart(2, "0"));
/** Bytes of a UUID before which there is a dash. */
const DASHED: ReadonlySet<number> = new Set([4, 6, 8, 10]);

function uuidsIn(before: string, bytes: string): string[] {
  const ids: string[] = [];
  for (let first = 0; first < bytes.length; first += UUID_BYTES) {
    let id = before;
    for (let i = 0; i < UUID_BYTES; i++) id += (DASHED.has(i) ? "-" : "") + HEX[bytes.charCodeAt(first + i)];
    ids.push(id);
  }
  return ids;
}

function rowsIn({ keys, shapes, shape, fields }: Extract<Column, { keys: unknown }>): Plain[] {
  const values = fields.map(valuesOf);
  const next = fields.map(() => 0);
  const taken = (i: number): JsonValue => {
    const at = next[i] ?? 0;
    next[i] = at + 1;
    return values[i]?.[at] ?? null;
  };
  return valuesOf(shape).map((which) => {
    const row: Plain = {};
    for (const i of shapes[which as number] ?? []) row[keys[i] ?? ""] = taken(i);
    return row;
  });
}
