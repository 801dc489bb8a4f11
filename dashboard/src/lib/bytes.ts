const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"] as const;

/** 1234567 as `1.2 MB`: two digits at least, in steps of a thousand. */
export function bytes(n: number): string {
  const step = n < 1_000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(n) / 3));
  const value = n / 1_000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[step]}`;
}
