/** Keeps secrets out of events, logs and errors. */
import { existsSync } from "node:fs";
import path from "node:path";

export type Redact = (text: string) => string;

const SECRET_NAME = /(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|PRIVATE_?KEY|_KEY$)/i;
/** Shorter values ("1", "true") are not secrets, and hiding them would shred every line. */
const SECRET_MIN_CHARS = 6;

export const HIDDEN = "[redacted]";
/** What stands where a text was shortened. */
export const CUT = "…";

/** Values of the variables whose names say that they are secret, plus `more`. */
export function secretsIn(vars: Readonly<Record<string, string | undefined>>, more: readonly string[] = []): string[] {
  const named = Object.entries(vars).flatMap(([name, value]) => (value && SECRET_NAME.test(name) ? [value] : []));
  return [...named, ...more];
}

/** The same for what somebody hands over by name, whatever the name says: shorter ones are words. */
const PASSED_MIN_CHARS = 8;

/** Values of the variables that are passed on by name. A place on this machine, such as RUSTUP_HOME, is no secret. */
export function passedSecrets(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): readonly string[] {
  return names.flatMap((name) => {
    const value = env[name]?.trim() ?? "";
    return value.length < PASSED_MIN_CHARS || (path.isAbsolute(value) && existsSync(value)) ? [] : [value];
  });
}

/** At the end of a text that was cut, so much of a secret is recognised as its beginning. */
const BEGINNING_MIN_CHARS = 8;

/** A function that replaces every secret, in its plain, base64, URL-encoded and JSON form, with `[redacted]`; also one that is cut at the end. */
export function redactorOf(secrets: readonly string[]): Redact {
  const needles = new Set<string>();
  for (const secret of secrets) {
    // A PEM key is printed line by line, so each line is a secret of its own.
    for (const part of [secret, ...secret.split("\n")]) {
      const text = part.trim();
      if (text.length < SECRET_MIN_CHARS) continue;
      needles.add(text);
      needles.add(encodeURIComponent(text));
      needles.add(Buffer.from(text).toString("base64"));
      needles.add(JSON.stringify(text).slice(1, -1));
    }
  }
  // The longest first: a secret may contain another one.
  const ordered = [...needles].sort((a, b) => b.length - a.length);
  return (text) =>
    withoutBeginning(
      ordered.reduce((out, needle) => out.replaceAll(needle, HIDDEN), text),
      ordered,
    );
}

function withoutBeginning(text: string, needles: readonly string[]): string {
  const isCut = text.endsWith(CUT);
  const body = isCut ? text.slice(0, -CUT.length) : text;
  const most = Math.max(0, ...needles.map((needle) => beginningAt(body, needle)));
  return most === 0 ? text : `${body.slice(0, -most)}${HIDDEN}${isCut ? CUT : ""}`;
}

/** How many of the last characters are how a secret begins; 0: too few to say so. */
function beginningAt(text: string, needle: string): number {
  const head = needle.slice(0, BEGINNING_MIN_CHARS);
  if (head.length < BEGINNING_MIN_CHARS) return 0;
  const from = Math.max(0, text.length - needle.length + 1);
  for (let at = text.indexOf(head, from); at >= 0; at = text.indexOf(head, at + 1))
    if (needle.startsWith(text.slice(at))) return text.length - at;
  return 0;
}

/** Every text in it, however deep. */
export function redacted(value: unknown, redact: Redact): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((one) => redacted(one, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, redacted(one, redact)]));
}
