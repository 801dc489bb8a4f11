/** JSON as a type. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** What a row's text holds; a damaged one is shown as the text that it is. */
export function asItIs(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
