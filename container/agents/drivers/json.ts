/** Reads what somebody else's program has printed, of which nothing is certain. */
import { CUT } from "../../redact.ts";

export type Json = Readonly<Record<string, unknown>>;

/** @returns null for everything that is no JSON object */
export function objectIn(text: string): Json | null {
  if (!text.startsWith("{")) return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

/** What lies at a path of names, as an object; empty where there is none. */
export function part(value: unknown, ...names: readonly string[]): Json {
  const found = names.reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), value);
  return isObject(found) ? found : {};
}

/** Its objects; none where it is no list. */
export const listIn = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

export const textIn = (value: unknown): string => (typeof value === "string" ? value : "");

/** A whole number of at least 0. */
export const countIn = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.round(value) : 0;

export const numberIn = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For people: at most so many characters, and whether there was more. */
export const shortened = (text: string, max_chars: number): string =>
  text.length <= max_chars ? text : `${text.slice(0, max_chars - CUT.length)}${CUT}`;
