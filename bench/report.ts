/** What a bench says: tables for people, and the same as JSON. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly notes?: readonly string[];
}
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly is: string;
  readonly reached: boolean;
}
export interface Result {
  readonly tables: readonly Table[];
  readonly targets?: readonly Target[];
}

export const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Three figures are as many as a noisy machine can tell. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "n/a";
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

const cell = (value: string | number): string => (typeof value === "number" ? short(value) : value);

export function asText({ title, columns, rows, notes = [] }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(cell))].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const text = lines.map(
    (line) =>
      `| ${line.map((each, i) => (i === 0 ? each.padEnd(widths[i] ?? 0) : each.padStart(widths[i] ?? 0))).join(" | ")} |`,
  );
  text.splice(
    1,
    0,
    `| ${widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(Math.max(1, width - 1))}:`)).join(" | ")} |`,
  );
  return [`### ${title}`, "", ...text, ...notes.map((note) => `\n${note}`), ""].join("\n");
}

/** Runs it so often that a run of a few microseconds can be measured; answers with the median ms of one run. */
export function timed(run: () => void, { least_ms = 200, rounds = 9 } = {}): number {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let times = 0;
    const began = performance.now();
    do {
      run();
      times++;
    } while (performance.now() - began < least_ms / rounds);
    took.push((performance.now() - began) / times);
  }
  return median(took);
}
