/** The rigs that this page has seen in a list: a palette finds them without asking. */
export const KNOWN_RIGS: { readonly id: string; readonly name: string }[] = [];

export function knowRigs(rigs: readonly { readonly id: string; readonly name: string }[]): void {
  KNOWN_RIGS.splice(0, KNOWN_RIGS.length, ...rigs.map(({ id, name }) => ({ id, name })));
}
