import { createHash } from "node:crypto";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { entryLine, headerLine, sealLine } from "../../src/core/journal-file.ts";
import { replaySync } from "../../src/core/replay.ts";
import { exportPage } from "../../src/do/export.ts";
import { importJournal } from "../../src/do/import.ts";
import { restored } from "../../src/do/restored.ts";
import type { Rig } from "../../src/do/rig.ts";
import { storedActors } from "../../src/do/store.ts";
import type { TestRig } from "../support/node-rig.ts";
import { agentOf, beadOf, journal, MINUTE, slung } from "../unit/incidents/words.ts";
import { joined } from "./joined.ts";
import { createOrigin, git, tempDir } from "./world.ts";

/** The drill of docs/operating.md on real processes and real git: export, lose everything that the machine had, import, go on to merged. */

const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

/** As the API writes it: this rig fits into one page. */
function exported(rig: Rig): string {
  const { lines, facts } = exportPage(rig, { part: "facts", after: 0 });
  const text = [headerLine("rig1"), ...lines].map((line) => `${line}\n`).join("");
  return `${text}${sealLine({ facts, actors: lines.length - facts, still: true, sha256: sha(text) })}\n`;
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** The same rig on another machine, an hour later. */
const broughtFrom =
  (file: string) =>
  async (rig: TestRig): Promise<void> => {
    rig.now += 60 * MINUTE;
    const hash = createHash("sha256");
    const { secrets } = await importJournal(rig.ports, {
      userId: "user1",
      file: chunksOf(file),
      segments: () => chunksOf(""),
      newHash: () => ({ update: async (text) => void hash.update(text), end: async () => hash.digest("hex") }),
    });
    rig.rig = restored(rig.ports, "ann", secrets);
    await rig.settled();
  };

test("a rig whose machine is lost with an agent at work is brought back from its export: nothing runs until it is resumed, then its work is done again and merged", async () => {
  const { url, clone } = createOrigin();
  const told = tempDir();
  const script = `echo "$GASTOWN_AGENT_ID" > ${told}/started
while test ! -e ${told}/go; do sleep 0.05; done
echo work > work.txt; git add --all; git commit --quiet -m work`;
  const first = await joined(url, script);
  const { beadId, agentId } = await slung(first.rig, "one");
  const started = path.join(told, "started");
  await first.until("its agent works", () => existsSync(started));
  const before = journal(first.rig).map(entryLine);
  const file = exported(first.rig.rig);

  // The machine is gone: its processes, its clones and the rig's rows.
  first.control.server.killAll();
  await first.control.server.drain();
  rmSync(path.join(first.control.workDir, "rigs"), { recursive: true, force: true });
  rmSync(started);

  const second = await joined(url, script, {}, broughtFrom(file));
  const { rig } = second;
  expect(journal(rig).map(entryLine).slice(0, before.length)).toEqual(before);
  const lost = agentOf(rig, agentId).context.dispatchN;
  for (let n = 0; n < 3; n++) await rig.advance(rig.now + 5 * MINUTE);
  expect([existsSync(started), agentOf(rig, agentId).hasTag("slot")]).toEqual([false, false]);

  rig.run({ type: "resume" });
  await rig.settled();
  await rig.advance(rig.now + MINUTE);
  await second.until("its agent works again", () => existsSync(started));
  expect(agentOf(rig, agentId).context.dispatchN).toBeGreaterThan(lost);
  expect(agentOf(rig, agentId).context.attempts).toBe(0);
  writeFileSync(path.join(told, "go"), "");
  await second.until("it has ended", () => agentOf(rig, agentId).matches("exited"));
  await second.handedIn(agentId);
  await rig.advance(rig.now + MINUTE);
  await second.until("it is merged", () => beadOf(rig, beadId).value === "closed");
  git(clone, "fetch", "--quiet");
  expect(git(clone, "show", "origin/main:work.txt")).toBe("work");
  expect(replaySync(journal(rig), storedActors(rig.ports.sql)).divergence).toBe(null);
});
