import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Every ink on every surface that it may stand on, in both schemes. */

const css = readFileSync(new URL("../../../dashboard/src/styles/tokens.css", import.meta.url), "utf8");

function colour(name: string, scheme: "light" | "dark"): string {
  const [, both, one] = new RegExp(`--${name}: (?:light-dark\\(([^)]+)\\)|(#[0-9a-f]{6}));`).exec(css) ?? [];
  const [light = "", dark = ""] = both?.split(", ") ?? [one, one];
  return scheme === "light" ? light : dark;
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(ink: string, on: string, scheme: "light" | "dark"): number {
  const [a, b] = [luminance(colour(ink, scheme)), luminance(colour(on, scheme))].toSorted((x, y) => y - x) as [
    number,
    number,
  ];
  return (a + 0.05) / (b + 0.05);
}

const SURFACES = ["paper", "surface", "raised", "hover"];
const STATES = ["good", "busy", "warn", "bad", "violet"];
const TEXT = [
  ...["ink", "soft", "faint", "accent", ...STATES].flatMap((ink) => SURFACES.map((on) => [ink, on] as const)),
  ...STATES.flatMap((state) => ["ink", state].map((ink) => [ink, `${state}-wash`] as const)),
  ["accent", "accent-wash"],
  ["ink", "accent-wash"],
  ["soft", "accent-wash"],
  ["on-solid", "accent-solid"],
] as const;
const PHASES = ["ph-work", "ph-ask", "ph-model", "ph-back", "ph-check", "ph-merge", "ph-fail"];

test.each(["light", "dark"] as const)("in %s every text can be read: 4.5 and more", (scheme) => {
  const poor = TEXT.filter(([ink, on]) => !(contrast(ink, on, scheme) >= 4.5));
  expect(poor).toEqual([]);
});

test.each(["light", "dark"] as const)("in %s every phase can be told from its surface: 3 and more", (scheme) => {
  expect(PHASES.filter((phase) => !(contrast(phase, "surface", scheme) >= 3))).toEqual([]);
});
