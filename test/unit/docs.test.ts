import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { scale } from "../../bench/benches/scale.ts";
import type { Context } from "../../bench/context.ts";
import { asText } from "../../bench/report.ts";
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
