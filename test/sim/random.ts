/** A small seeded generator (sfc32). Everything random in a simulation comes from one of these, so that a seed tells all. */
export interface Random {
  /** [0, 1) */
  next(): number;
  chance(p: number): boolean;
  /** An integer, both ends included. */
  between(from: number, to: number): number;
  pick<T>(list: readonly T[]): T;
  /** Exponentially distributed, rounded to an integer of at least 1. */
  around(mean: number): number;
  /** The key that was drawn; weights need not add up to anything. */
  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K;
}

/** One stream per (seed, name): to leave out one kind of fault does not change what the others draw. */
export function random(seed: number, name: string): Random {
  let a = seed | 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let d = 1;
  for (let i = 0; i < name.length; i++) c = Math.imul(c ^ name.charCodeAt(i), 0x01000193);
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    next,
    chance: (p) => p > 0 && next() < p,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (list) => {
      const picked = list[Math.floor(next() * list.length)];
      if (picked === undefined) throw new Error("nothing to pick from");
      return picked;
    },
    around: (mean) => Math.max(1, Math.round(-Math.log(1 - next()) * mean)),
    weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
      const entries = Object.entries(weights) as [K, number][];
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        left -= weight;
        if (left < 0) return key;
      }
      return (entries[0] as [K, number])[0];
    },
  };
}
