/**
 * Text as Ticktown takes it: any Unicode but control characters, except tab and line feed, and no halves of characters. A zero
 * byte ends an argument of a process early, an escape writes over what a terminal shows, and a lone surrogate cannot be
 * stored as it is. A carriage return is no reason to refuse a text that was written on Windows: a line ends with a line feed here.
 */

const FORBIDDEN = /(?![\t\n])[\p{Cc}\p{Cs}]/u;
const EACH_FORBIDDEN = new RegExp(FORBIDDEN, "gu");
const REPLACEMENT = "\ufffd";

const withLineFeeds = (text: string): string => (text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text);

/** The text with everything replaced that may not be in one. */
export const cleanText = (text: string): string => withLineFeeds(text).replace(EACH_FORBIDDEN, REPLACEMENT);

/**
 * `written`: a person or an agent chose the words, and is told what is wrong with them. `reported`: a program passes on what
 * another one printed, and refusing it would lose the end of a dispatch or the verdict of a merge; it is cleaned instead.
 */
export type TextRule = "written" | "reported";

/** A text that is not taken, and where it stands. */
export class TextError extends Error {
  readonly path: readonly string[];
  constructor(path: readonly string[], code: number) {
    const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    super(
      `${name} is not taken: a text may hold any character but controls (tab and line feed are fine) and lone surrogates`,
    );
    this.path = path;
  }
}

/**
 * Applies the rule to every text of a JSON value, names of members included. Its nesting must be bounded already.
 * @throws TextError
 */
export function takeText(value: unknown, rule: TextRule, path: readonly string[] = []): unknown {
  if (typeof value === "string") return takeString(value, rule, path);
  if (Array.isArray(value)) return value.map((item, i) => takeText(item, rule, [...path, String(i)]));
  if (typeof value !== "object" || value === null) return value;
  // Made from entries, so that a member called __proto__ stays one.
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [takeString(name, rule, path), takeText(item, rule, [...path, name])]),
  );
}

function takeString(text: string, rule: TextRule, path: readonly string[]): string {
  if (rule === "reported") return cleanText(text);
  const ours = withLineFeeds(text);
  const found = FORBIDDEN.exec(ours);
  if (found !== null) throw new TextError(path.map(cleanText), found[0].codePointAt(0) ?? 0);
  return ours;
}

/** How deeply arrays and objects of a JSON text are nested; looked at before it is parsed, so that nothing recurses too far. */
export function nestingOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (c === 0x22) isInString = !isInString;
    else if (isInString && c === 0x5c) i++;
    else if (isInString) continue;
    else if (c === 0x5b || c === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x5d || c === 0x7d) depth--;
  }
  return deepest;
}
