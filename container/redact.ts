/** Keeps secrets out of events, logs and errors. */

export type Redact = (text: string) => string;

const SECRET_NAME = /(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|PRIVATE_?KEY|_KEY$)/i;
/** Shorter values ("1", "true") are not secrets, and hiding them would shred every line. */
const SECRET_MIN_CHARS = 6;

export const HIDDEN = "[redacted]";

/** Values of the variables whose names say that they are secret, plus `more`. */
export function secretsIn(vars: Readonly<Record<string, string | undefined>>, more: readonly string[] = []): string[] {
  const named = Object.entries(vars).flatMap(([name, value]) => (value && SECRET_NAME.test(name) ? [value] : []));
  return [...named, ...more];
}

/** A function that replaces every secret, in its plain, base64 and URL-encoded form, with `[redacted]`. */
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
    }
  }
  // The longest first: a secret may contain another one.
  const ordered = [...needles].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((out, needle) => out.replaceAll(needle, HIDDEN), text);
}
