import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fileSource } from "../../../dashboard/src/debug/source.ts";
import { headerLine, sealLine } from "../../../src/core/journal-file.ts";

/** Journal files as people drop them on the debugger. */

const [header = "", ...lines] = readFileSync(new URL("../../golden/seed-6-r1.ndjson", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "");
const seal = sealLine({ facts: lines.length, actors: 0, still: true, sha256: "0".repeat(64) });
const opened = (...text: string[]) => fileSource(new Blob([`${text.join("\n")}\n`]));

test("an export with its seal, and the segments of an archive one behind the other, are opened and fold again", async () => {
  const plain = await opened(header, ...lines);
  expect(plain.difference).toBeNull();
  expect(plain.facts).toBeGreaterThan(50);
  const sealed = await opened(header, ...lines, seal);
  const inTwo = await opened(header, ...lines.slice(0, 40), headerLine(plain.rig), ...lines.slice(40), seal);
  for (const file of [sealed, inTwo])
    expect([file.rig, file.facts, file.last(), file.difference]).toEqual([plain.rig, plain.facts, plain.last(), null]);
});

test("what is no journal file is said to be none", async () => {
  await expect(opened("meow")).rejects.toThrow("this is no journal file");
});
