import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseSync } from "vite";
import { describe, expect, test } from "vitest";

/** What the linter cannot see of the rules in .oxlintrc.json. */

const root = path.join(import.meta.dirname, "../..");
const MOST_LINES = 400;
const MOST_TERNARIES = 2;

const FOLDERS = ["src", "cli", "container", "scripts", "bench", "dashboard", "test"];

const filesOf = (...endings: string[]): string[] =>
  FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
      .filter((file) => !file.includes("node_modules")),
  );
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

interface Node {
  readonly type: string;
  readonly start: number;
}
const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/** The lines at which a ternary lies in a branch of a ternary of a ternary; what a function or a piece of JSX holds is counted anew. */
function deepTernaries(file: string, source: string): string[] {
  const found: string[] = [];
  const walk = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) for (const one of value) walk(one, depth);
    if (!isNode(value)) return;
    const isTernary = value.type === "ConditionalExpression";
    const here = isTernary ? depth + 1 : /Function|Class|JSX/.test(value.type) ? 0 : depth;
    if (isTernary && here === MOST_TERNARIES + 1)
      found.push(`${file}:${source.slice(0, value.start).split("\n").length}`);
    for (const inner of Object.values(value)) walk(inner, here);
  };
  walk(parseSync(file, source).program, 0);
  return found;
}

describe("the house", () => {
  test("no style sheet has more than 400 lines", () => {
    const sheets = filesOf(".css");
    expect(sheets.length).toBeGreaterThan(0);
    expect(sheets.filter((file) => read(file).trimEnd().split("\n").length > MOST_LINES)).toEqual([]);
  });

  test("no ternary is nested over two levels", () => {
    const sources = filesOf(".ts", ".tsx", ".mjs");
    expect(sources.length).toBeGreaterThan(300);
    expect(sources.flatMap((file) => deepTernaries(file, read(file)))).toEqual([]);
  });

  test("a third level is found, and a function begins anew", () => {
    expect(deepTernaries("a.ts", "x = a ? 1 : b ? 2 : 3;")).toEqual([]);
    expect(deepTernaries("a.ts", "x = a ? 1\n : b ? 2\n : c ? 3 : 4;")).toEqual(["a.ts:3"]);
    expect(deepTernaries("a.ts", "x = a ? 1 : b ? 2 : () => (c ? 3 : 4);")).toEqual([]);
  });

  test("no rule is switched off inside a file", () => {
    const words = ["oxlint", "eslint"].map((name) => `${name}-disable`);
    const files = filesOf(".ts", ".tsx", ".mjs", ".css");
    expect(files.filter((file) => words.some((word) => read(file).includes(word)))).toEqual([]);
  });

  test("nor by a configuration of a folder's own, nor is the compiler told to look away", () => {
    const configs = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && FOLDERS.includes(entry.name))
      .flatMap(({ name }) => readdirSync(path.join(root, name), { recursive: true, encoding: "utf8" }))
      .filter((name) =>
        /(^|\/)(\.oxlintrc|\.oxfmtrc|oxlint\.config|oxfmt\.config)\b|(^|\/)\.(prettier|eslint)/.test(name),
      );
    expect(configs).toEqual([]);
    const words = ["nocheck", "ignore"].map((name) => `@ts-${name}`);
    expect(filesOf(".ts", ".tsx", ".mjs").filter((file) => words.some((word) => read(file).includes(word)))).toEqual(
      [],
    );
  });
});
