import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT } from "../../scripts/stack/project.ts";
import { DEFAULT_GATE } from "../../src/events/gate.ts";
import { DEFAULT_PLACE } from "../../src/events/place.ts";
import { DEFAULT_SETTINGS, Settings } from "../../src/events/settings.ts";
import { DEFAULT_BUDGET } from "../../src/events/budget.ts";
import { DEFAULT_WATCH } from "../../src/events/watch.ts";

const read = (file: string): string => readFileSync(path.join(PROJECT, file), "utf8");

test("docs/operating.md lists every setting with its default", () => {
  const rows = [...read("docs/operating.md").matchAll(/^\| `([a-z_]+)` \| (\d+) \|/gm)].map(([, name, value]) => [
    name,
    Number(value),
  ]);
  expect(Object.fromEntries(rows)).toEqual(DEFAULT_SETTINGS);
  const place = [...read("docs/operating.md").matchAll(/^\| `([a-z_]+)` \| `([^`]+)` \|/gm)];
  expect(Object.fromEntries(place.map(([, name, value = ""]) => [name, JSON.parse(value) as unknown]))).toEqual({
    ...DEFAULT_PLACE,
    ...DEFAULT_GATE,
    ...DEFAULT_WATCH,
    ...DEFAULT_BUDGET,
    // Without any of these, as `programOf` has it.
    runtime: null,
    runtimes: null,
    model: null,
    programs: {},
    hold_accounts: true,
    town_on_cap: null,
  });
  expect([...rows, ...place].length).toBe(Object.keys(Settings.shape).length);
});

test("docs/dependencies.md names every dependency, and nothing else", () => {
  const dependencies = ["package.json", "test/agents/package.json"].flatMap((file) => {
    const found = JSON.parse(read(file)) as Record<string, Record<string, string> | undefined>;
    return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
      Object.keys(found[kind] ?? {}),
    );
  });
  const named = read("docs/dependencies.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.toSorted()).toEqual(dependencies.toSorted());
});

describe.each(["README.md", "docs/architecture.md", "docs/dependencies.md", "docs/operating.md"])("%s", (file) => {
  test("links only to what is there", () => {
    const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)].flatMap(([, link]) => link ?? []);
    expect(links.filter((link) => !existsSync(path.join(PROJECT, path.dirname(file), link)))).toEqual([]);
  });

  test("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = [...read(file).matchAll(/npm (?:run )?([a-z:]+)/g)].flatMap(([, name]) => name ?? []);
    expect(named.filter((name) => !["ci", "install"].includes(name) && scripts[name] === undefined)).toEqual([]);
  });
});
