import type { Edit } from "./mutant.ts";

/** How a piece of source may be written by any formatter: the same tokens, whatever is between them. */
function pattern(find: string): RegExp {
  const tokens = find.trim().match(/[\w$]+|[^\s\w$]/g) ?? [];
  const parts = tokens.map((token) => {
    const literal = token.replace(/[^\w]/g, (char) => `\\${char}`);
    return /^[)\]}]$/.test(token) ? `,?\\s*${literal}` : literal;
  });
  return new RegExp(parts.join("\\s*"), "g");
}

/**
 * The text with one edit made.
 * @returns how often the edit's place was found instead, when that is not once
 */
export function applied(text: string, { find, replace }: Edit): string | number {
  const places = text.match(pattern(find)) ?? [];
  return places.length === 1 ? text.replace(pattern(find), () => replace.trim()) : places.length;
}
