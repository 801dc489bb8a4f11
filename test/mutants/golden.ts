import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Fact } from "../../src/events/facts.ts";
import type { Kind } from "../../src/core/step.ts";

/**
 * The generated paths with what came of them: every reachable state, every transition and every guard of every chart, as
 * data. A change of behaviour shows as another digest. Recorded anew with `node test/mutants/record.ts` when a chart
 * changes on purpose.
 */
export interface GoldenPath {
  readonly moves: readonly { readonly at: number; readonly facts: readonly Fact[] }[];
  /** Digest of everything that the path made: entries, effects, states, reasons. */
  readonly digest: string;
}

/** Worlds to spoil, and what the invariants said of each spoilt one (spoil.ts). */
export interface Spoils {
  /** Every state that an actor of a kind was seen in. */
  readonly values: readonly (readonly [Kind, unknown])[];
  readonly worlds: readonly GoldenPath[];
}

const GOLDEN = path.join(import.meta.dirname, "../golden");
const PATHS = path.join(GOLDEN, "paths.json.gz");
const SPOILS = path.join(GOLDEN, "spoils.json.gz");
/** Those of rules 1 were the first. */
const shapesFile = (rules: number): string => path.join(GOLDEN, rules === 1 ? "shapes.json" : `shapes-${rules}.json`);

const read = (file: string): unknown => JSON.parse(gunzipSync(readFileSync(file)).toString());
const write = (file: string, content: unknown): void =>
  writeFileSync(file, gzipSync(JSON.stringify(content), { level: 9 }));

export const readGoldenPaths = () => read(PATHS) as GoldenPath[];
export const writeGoldenPaths = (paths: readonly GoldenPath[]): void => write(PATHS, paths);
export const readSpoils = () => read(SPOILS) as Spoils;
export const writeSpoils = (spoils: Spoils): void => write(SPOILS, spoils);
/** The shapes of facts, effects and settings as JSON Schema, and the versions of facts, of a released rule set; null for one that is not released. */
export const readShapes = (rules: number): string | null =>
  existsSync(shapesFile(rules)) ? readFileSync(shapesFile(rules), "utf8") : null;
export const writeShapes = (rules: number, shapes: string): void => writeFileSync(shapesFile(rules), shapes);
