import { simulate, type Report } from "./simulation.ts";
import type { Options } from "./stage.ts";

/** Looks for a smaller run with the same kind of failure: fewer rigs, fewer kinds of fault, fewer hours. Deterministic. */
export async function shrink(report: Report, say: (line: string) => void = () => {}): Promise<Options> {
  let best = report.options;
  const { failure } = report;
  if (failure === null) return best;
  const isEnough = async (options: Options): Promise<boolean> => {
    const found = (await simulate(options)).failure;
    if (found?.rule !== failure.rule) return false;
    best = {
      ...options,
      hours:
        found.at < options.hours * 3_600_000
          ? Math.min(options.hours, Math.ceil(found.at / 36_000) / 100)
          : options.hours,
    };
    say(`smaller: ${best.rigs} rigs, ${best.hours} h, ${best.faults.join(",") || "no faults"}`);
    return true;
  };
  best = { ...best, hours: Math.min(best.hours, Math.ceil(failure.at / 36_000) / 100) };
  for (const rigs of [1, 2]) if (rigs < best.rigs && (await isEnough({ ...best, rigs }))) break;
  for (let smaller = true; smaller;) {
    smaller = false;
    for (const fault of best.faults) {
      if (await isEnough({ ...best, faults: best.faults.filter((name) => name !== fault) })) smaller = true;
    }
  }
  for (const part of [0.25, 0.5, 0.75])
    if (await isEnough({ ...best, hours: Math.ceil(best.hours * part * 100) / 100 })) break;
  return best;
}
