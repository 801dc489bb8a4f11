/** A report is one request to the rig, and one that the rig does not take would be lost. */
import type { CheckRun, Left, TrainReport } from "../../src/wire/train.ts";
import { lastOf } from "../gate/words.ts";
import { TRAIN_REPORT_MAX_BYTES, TRAIN_WORDS_MAX_CHARS } from "../limits.ts";

/** The report as it is where it fits; otherwise with every text cut to the same length, half of it each time. */
export function fitting(report: TrainReport): TrainReport {
  let told = report;
  for (let most = TRAIN_WORDS_MAX_CHARS; sizeOf(told) > TRAIN_REPORT_MAX_BYTES && most > 0; most >>= 1)
    told = {
      ...report,
      left: report.left.map((left) => shorter(left, most)),
      runs: report.runs.map((run) => ({ ...run, checks: run.checks.map((check) => terser(check, most)) })),
    };
  return told;
}

const sizeOf = (report: TrainReport): number => Buffer.byteLength(JSON.stringify(report));

/** Of its files the first ones are named. */
function shorter(left: Left, most: number): Left {
  let chars = 0;
  const files = left.files.filter((file) => (chars += file.length) <= most);
  return { ...left, message: left.message.slice(0, most), files };
}

/** The sentence and the last lines. */
function terser(check: CheckRun, most: number): CheckRun {
  const [sentence = "", ...lines] = check.words.split("\n");
  return { ...check, words: lastOf(sentence, lines, most) };
}
