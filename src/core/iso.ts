const DAY_MS = 86_400_000;
const two = (n: number): string => String(n).padStart(2, "0");

/** A time as ISO 8601 in UTC, to the second. Pure: what decides reads no clock, and so has no Date to ask. @param at ms since epoch, from 1970 on */
export function iso(at: number): string {
  const seconds = Math.floor((at % DAY_MS) / 1_000);
  // Days since 1 March of the year 0, in cycles of 400 years: the leap day is then the last one of its year.
  const days = Math.floor(at / DAY_MS) + 719_468;
  const cycle = Math.floor(days / 146_097);
  const day = days - cycle * 146_097;
  const year = Math.floor((day - Math.floor(day / 1_460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365);
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const isNextYear = month >= 10;
  const date = `${cycle * 400 + year + (isNextYear ? 1 : 0)}-${two(isNextYear ? month - 9 : month + 3)}-${two(dayOfMonth)}`;
  const time = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${date}T${time}Z`;
}
