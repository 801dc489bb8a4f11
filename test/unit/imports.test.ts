import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { closureOf, forbids, importsOf, RULES, sourcesIn, table, UNKNOWN, violations } from "../../scripts/imports.ts";

/** Who may import whom: scripts/imports.ts says it once. */

const root = path.join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

test("no file imports what its folder may not", () => {
  expect(violations(root)).toEqual([]);
});

test("every folder of the table has files, and every import of theirs is looked at", () => {
  for (const { folder } of RULES) {
    const files = folder.endsWith(".ts") ? [folder] : sourcesIn(root, folder);
    expect(files.length, folder).toBeGreaterThan(0);
    const specifiers = files.flatMap((file) =>
      read(file)
        .split("\n")
        .filter((line) => /^(import|export|\}).* from "/.test(line)),
    );
    expect(files.flatMap((file) => importsOf(read(file), file)).length, folder).toBeGreaterThanOrEqual(
      specifiers.length,
    );
  }
});

test("a source that no rule is for is found, also one that imports nothing and one of another ending", () => {
  const made = mkdtempSync(path.join(tmpdir(), "ticktown-imports-"));
  for (const folder of ["src/core", "elsewhere", "node_modules/x"])
    mkdirSync(path.join(made, folder), { recursive: true });
  for (const file of ["src/x.ts", "src/core/y.mts", "elsewhere/z.cjs", "node_modules/x/index.js"])
    writeFileSync(path.join(made, file), file.includes("core") ? 'import "../do/a.ts";' : "");
  expect(violations(made)).toEqual([
    "elsewhere/z.cjs is in no folder of scripts/imports.ts",
    "src/core/y.mts imports src/do/a.ts, but src/core may import src/machines, src/events",
    "src/x.ts is in no folder of scripts/imports.ts",
  ]);
  rmSync(made, { recursive: true });
});

test("an import is found however it is written", () => {
  const source = [
    `import { a } from "./a.ts";`,
    `import type {`,
    `  B,`,
    `} from "./b.ts";`,
    `import * as c from "c";`,
    `import "./d.css";`,
    `export { e } from "./e.ts";`,
    `export * from "./f.ts";`,
    `const g = await import("./g.ts");`,
    "const h = await import(`./h.ts`);",
    `type I = import("./i.ts").I;`,
    `go(); import { "j" as j } from "./j.ts";`,
    `import k = require("./k.ts");`,
    `const l = require("./l.cjs");`,
    `const m = await import("./" + name);`,
    `// import n from "./n.ts";`,
    `const text = 'from "nowhere"';`,
  ].join("\n");
  expect(importsOf(source)).toEqual([
    "./a.ts",
    "./b.ts",
    "c",
    "./d.css",
    "./e.ts",
    "./f.ts",
    "./g.ts",
    "./h.ts",
    "./i.ts",
    "./j.ts",
    "./k.ts",
    "./l.cjs",
    UNKNOWN,
  ]);
});

test.each([
  ["src/events/x.ts", "../machines/agent.ts"],
  ["src/events/x.ts", "xstate"],
  ["src/machines/x.ts", "../core/fold.ts"],
  ["src/machines/x.ts", "zod"],
  ["src/core/x.ts", "xstate"],
  ["src/core/decide/x.ts", "../../wire/schemas.ts"],
  ["src/core/x.ts", "../do/store.ts"],
  ["src/core/x.ts", "node:fs"],
  ["src/wire/x.ts", "../core/world.ts"],
  ["src/wire/container.ts", "../events/limits.ts"],
  ["src/do/x.ts", "../api/app.ts"],
  ["container/x.ts", "../src/wire/schemas.ts"],
  ["container/agents/x.ts", "../../scripts/start.ts"],
  ["dashboard/src/lib/x.ts", "../../../src/do/board.ts"],
  ["dashboard/src/lib/x.ts", "../../../scripts/charts/layout.ts"],
  ["dashboard/src/lib/x.ts", "node:fs"],
  ["src/elsewhere/x.ts", "zod"],
  ["src/x.ts", "zod"],
  ["src/core/x.ts", UNKNOWN],
  ["container/x.ts", "#src/wire"],
  ["container/x.ts", "/etc/x.ts"],
])("%s may not import %s, and is told so by name", (file, imported) => {
  expect(forbids(file, imported)).toContain(file);
});

test.each([
  ["src/events/x.ts", "./row.ts"],
  ["src/core/decide/x.ts", "../../machines/agent.ts"],
  ["src/do/x.ts", "hono/jwt"],
  ["src/do/x.ts", "cloudflare:workers"],
  ["container/x.ts", "../src/wire/container.ts"],
  ["dashboard/src/lib/x.ts", "../../../src/core/fold.ts"],
  ["scripts/x.ts", "../container/files.ts"],
])("%s may import %s", (file, imported) => {
  expect(forbids(file, imported)).toBe(null);
});

test("docs/architecture.md prints the table", () => {
  const found = /<!-- imports: [^\n]*-->\n\n([\s\S]*?)\n\n<!-- end -->/.exec(read("docs/architecture.md"))?.[1];
  expect(
    found,
    "paste what `node -e 'import(\"./scripts/imports.ts\").then((m) => console.log(m.table()))'` prints",
  ).toBe(table());
});

test("the container's image has every file that its control server imports", () => {
  const copied = Array.from(read("container/Dockerfile").matchAll(/^COPY (\S+) (\S+)$/gm), ([, from = ""]) => from);
  const missing = [...closureOf(root, "container/main.ts")].filter(
    (file) => !copied.some((from) => file === from || (from.endsWith("/") && file.startsWith(from))),
  );
  expect(missing).toEqual([]);
  expect(closureOf(root, "container/main.ts").size).toBeGreaterThan(20);
});
