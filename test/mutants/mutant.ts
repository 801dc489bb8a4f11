/** What a mutant is: the shortest edit that brings an incident back. */

export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly incident: string;
  /** The rule that holds because of the incident. */
  readonly rule: string;
  /** The bug, in words. */
  readonly bug: string;
  readonly edits: readonly Edit[];
}

export const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });

export const mutant = (incident: string, rule: string, bug: string, ...edits: Edit[]): Mutant => ({
  incident,
  rule,
  bug,
  edits,
});
