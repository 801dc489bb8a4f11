import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Every file of the project that a program imports, directly or not, by its path from the root. */
function closureOf(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(path.join(ROOT, entry), "utf8");
  for (const [, from = ""] of text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"(\.[^"]+)"/g))
    closureOf(path.posix.join(path.posix.dirname(entry), from), seen);
  return seen;
}

/** What the Dockerfile copies into /app. */
function copied(dockerfile: string): string[] {
  return [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, sources = ""]) => sources.split(" "));
}

test("the image has every file that the control server and the demo agent import, and no other source", () => {
  const sources = copied(readFileSync(path.join(ROOT, "container/Dockerfile"), "utf8"));
  const needed = [...closureOf("container/launcher/main.ts"), ...closureOf("container/demo-agent.ts")];
  expect(needed.length).toBeGreaterThan(30);
  const isCopied = (file: string): boolean =>
    sources.some((source) => (source.endsWith("/") ? file.startsWith(source) : file === source));
  expect(needed.filter((file) => !isCopied(file))).toEqual([]);
  const files = sources.filter((source) => source.endsWith(".ts"));
  expect(files.filter((file) => !needed.includes(file))).toEqual([]);
});

test("the image has every package that the control server imports", () => {
  const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const packages = [...closureOf("container/launcher/main.ts")].flatMap((file) =>
    [...readFileSync(path.join(ROOT, file), "utf8").matchAll(/\bfrom "([^."][^"]*)"/g)].map(([, from = ""]) => from),
  );
  const foreign = packages
    .filter((name) => !name.startsWith("node:"))
    .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
  expect(foreign.filter((name) => dependencies[name] === undefined)).toEqual([]);
  expect(new Set(foreign)).toContain("hono");
});
