/** Which of the options that are offered somebody means by what was said: the same at every door, and where the answer arrives. */

interface Offered {
  /** Null: what is said is its label. */
  readonly id: string | null;
  readonly label: string;
}

const folded = (text: string): string => text.trim().toLowerCase();

/** The one option whose id or label these words are, but for case and blanks around them. @returns undefined for none, and for several */
export function meantOption<T extends Offered>(words: string, options: readonly T[]): T | undefined {
  const said = folded(words);
  if (said === "") return undefined;
  const found = options.filter(({ id, label }) => folded(id ?? "") === said || folded(label) === said);
  return found.length === 1 ? found[0] : undefined;
}

/** The options in one line, each by what it is called and what it is chosen by. */
export const offered = (options: readonly Offered[]): string =>
  options.map(({ id, label }) => (id === null || folded(id) === folded(label) ? label : `${label} (${id})`)).join(", ");
