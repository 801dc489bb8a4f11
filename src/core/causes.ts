import { failureIn, type Failure } from "../events/failure.ts";
import type { BeadContext } from "../machines/bead.ts";

/** Why a bead failed, and which failures are one: the same thing went wrong, whatever its numbers and names were. */

/** Of a failed bead. */
export const failureOf = ({ reason }: Pick<BeadContext, "reason">): Failure => failureIn(reason ?? "");

/** What differs between two tellings of one cause: ids, numbers, paths, addresses, quoted names. */
const PARTICULARS: readonly RegExp[] = [
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g,
  /"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”/g,
  /\S*\/\S*/g,
  /\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b/g,
  /\b[a-z]+-\d+\b/g,
  /\d+/g,
];
const CAUSE_CHARS = 120;

/** How a process ended, in Ticktown's own words, is no particular: one that ends with 3 and one that ends with 7 have not ended for one cause. */
const EXIT = /(^|, )exit (\d{1,3})(?= \(|$)/g;
/** In letters, so that the numbers' mask leaves it. */
const spelled = (digits: string): string => digits.replace(/\d/g, (digit) => "abcdefghij".charAt(Number(digit)));

/** The same for two texts that tell of one cause. At most 120 characters, in lower case. */
export function causeOf(words: string): string {
  let cause = words.toLowerCase().replace(EXIT, (_, before: string, code: string) => `${before}exit ${spelled(code)}`);
  for (const particular of PARTICULARS) cause = cause.replace(particular, "*");
  return cause
    .replace(/[^a-z*]+/g, " ")
    .replace(/\*(?: \*)+/g, "*")
    .trim()
    .slice(0, CAUSE_CHARS);
}
