/** The bounds of one program of ours that reads what an agent wrote: the system's own, since nobody watches it. */
import { READING_CPU_MAX_S, READING_MEMORY_MAX_BYTES } from "../limits.ts";
import { findProgram } from "./box.ts";

/** What it maps from files, as git does with packs, is not counted. */
const WALL = [
  "prlimit",
  `--data=${READING_MEMORY_MAX_BYTES}`,
  `--cpu=${READING_CPU_MAX_S}:${READING_CPU_MAX_S + 5}`,
  "--",
];

let known: { readonly searched: string; readonly isThere: boolean } | null = null;

/** @param searched where prlimit is looked for; without it the program is as it was */
export function walled(argv: readonly string[], searched: string): readonly string[] {
  if (known?.searched !== searched) known = { searched, isThere: findProgram("prlimit", searched) !== null };
  return known.isThere ? [...WALL, ...argv] : argv;
}
