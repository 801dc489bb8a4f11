import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import { actorLine, entryLine, headerLine, sealLine } from "../../../src/core/journal-file.ts";
import { importJournal, type ImportOrder } from "../../../src/do/import.ts";
import { restored } from "../../../src/do/restored.ts";
import { storedActors } from "../../../src/do/store.ts";
import { testRig, type TestRig } from "../../support/node-rig.ts";
import { journal, MINUTE } from "./words.ts";

/** The words of tests that lose a rig and bring it back. */

export const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Lines with their seal. */
export function sealed(lines: readonly string[], more: { still?: boolean } = {}): string {
  const text = lines.map((line) => `${line}\n`).join("");
  const counts = {
    facts: lines.filter((line) => line.startsWith('{"seq"')).length,
    actors: lines.filter((line) => line.startsWith('{"actor"')).length,
  };
  return `${text}${sealLine({ ...counts, still: true, ...more, sha256: sha(text) })}\n`;
}

export const linesOf = (rig: TestRig, secrets: string[] = ["GIT_TOKEN"]): string[] => [
  headerLine("rig1", { town: "Delft", secrets }),
  ...journal(rig).map(entryLine),
  ...Array.from(storedActors(rig.ports.sql), actorLine),
];

export const newHash: ImportOrder["newHash"] = () => {
  const hash = createHash("sha256");
  return { update: async (text) => void hash.update(text), end: async () => hash.digest("hex") };
};

export async function* chunksOf(text: string, size = 1_000): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A rig on another disk, from the file. */
export async function brought(file: string, order: Partial<ImportOrder> = {}): Promise<TestRig> {
  const rig = testRig({ configured: false, now: 1_800_000_000_000 + 60 * MINUTE });
  onTestFinished(() => rig.close());
  const imported = await importJournal(rig.ports, {
    userId: "user1",
    file: chunksOf(file),
    segments: () => chunksOf(""),
    newHash,
    ...order,
  });
  rig.rig = restored(rig.ports, "ann", imported.secrets);
  await rig.settled();
  return rig;
}
