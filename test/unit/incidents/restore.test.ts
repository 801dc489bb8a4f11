import { expect, test } from "vitest";
import { entryLine, headerLine, replayFile } from "../../../src/core/journal-file.ts";
import { admit, type AgentCaller } from "../../../src/core/decide/index.ts";
import { violations } from "../../../src/core/invariants.ts";
import { needsOf } from "../../../src/core/needs.ts";
import { say } from "../../../src/core/sentences.ts";
import { exportPage, type ExportCursor } from "../../../src/do/export.ts";
import type { ImportOrder } from "../../../src/do/import.ts";
import { replayFromArchive } from "../../../src/do/archive.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { bead, type TestRig } from "../../support/node-rig.ts";
import { brought, linesOf, sealed } from "./restore-words.ts";
import {
  agentOf,
  as,
  beadOf,
  facts,
  journal,
  MINUTE,
  reviewOf,
  SECOND,
  slung,
  stateOf,
  submitted,
  town,
} from "./words.ts";

/** A rig that is lost and brought back from a file: as it was, with nothing of before believed; or not at all. */

const refusal = async (file: string, order: Partial<ImportOrder> = {}): Promise<string> =>
  brought(file, order).then(
    () => "taken",
    (error: Error) => error.message,
  );

/** One that works, one that waits for a person, one that waits at a prompt, one that hands in, one that is free, and a branch that is being merged. */
async function busy() {
  const rig = town();
  const merging = await submitted(rig, "being merged");
  const ids: string[] = [];
  for (const title of ["works", "asks", "waits", "hands in"]) ids.push((await slung(rig, title)).agentId);
  const [works = "", asks = "", waits = "", handsIn = ""] = ids;
  rig.run({ type: "checkpoint", agentId: works, data: { at: "line 7" } }, as(rig, works));
  rig.run(
    { type: "escalate", title: "which glaze?", body: null, priority: "high", metadata: {}, agentId: asks },
    as(rig, asks),
  );
  rig.run({ type: "permission_asked", agentId: waits, prompt: "may I?" }, as(rig, waits));
  rig.tell({
    type: "work.handed_in",
    agentId: handsIn,
    dispatchId: `${handsIn}:1`,
    beadId: agentOf(rig, handsIn).context.hook ?? "",
    branch: "b",
    prUrl: null,
    summary: null,
    resolution: "work",
    note: null,
  });
  return { rig, works, asks, waits, handsIn, ...merging };
}

test("has the same journal and the same actors, and says who brought it back", async () => {
  const { rig } = await busy();
  const lines = linesOf(rig);
  const { length } = journal(rig);
  const texts = (of: TestRig) => of.ports.sql.exec("SELECT * FROM content ORDER BY kind, id").toArray();
  const letters = (of: TestRig) => of.ports.sql.exec("SELECT * FROM mail ORDER BY seq").toArray();
  const kept = [texts(rig), letters(rig)];
  const back = await brought(sealed(lines));
  expect(journal(back).slice(0, length).map(entryLine)).toEqual(lines.slice(1, length + 1));
  expect(journal(back)[length]?.fact).toMatchObject({ type: "rig.imported", by: "ann", secrets: ["GIT_TOKEN"] });
  expect(replayFromArchive(back.rig)).toMatchObject({ divergence: null });
  expect(violations(back.rig.world)).toEqual([]);
  expect([texts(back), letters(back)]).toEqual(kept);
});

test("RESTORE-again asks nobody again for what was asked before the loss, and ends what may run at nobody's cost", async () => {
  const { rig, works, asks, waits, handsIn } = await busy();
  const dispatches = new Map([...rig.rig.world.agents].map(([id, { context }]) => [id, context.dispatchN]));
  const back = await brought(sealed(linesOf(rig)));
  expect(back.container.starts).toEqual([]);
  expect(back.container.merges).toEqual([]);
  expect(back.container.calls.filter(({ kind }) => kind === "stop").map(({ id }) => id)).toEqual(
    [works, asks, waits, handsIn].map((id) => `${id}:${dispatches.get(id)}`),
  );
  expect([works, asks, waits, handsIn].map((id) => stateOf(back, id))).toEqual([
    "exited.evicted",
    "blocked.onHelp.parked",
    "exited.evicted",
    "exited.evicted",
  ]);
  expect([works, waits, handsIn].map((id) => agentOf(back, id).context.attempts)).toEqual([0, 0, 0]);
});

test("RESTORE-held starts and merges nothing until it is resumed, however long that takes; then all goes on", async () => {
  const { rig, works, handsIn, reviewId } = await busy();
  const back = await brought(sealed(linesOf(rig)));
  expect(reviewOf(back, reviewId).value).toBe("pending");
  await back.advance(back.now + 120 * MINUTE);
  expect([back.container.starts, back.container.merges, back.container.trains]).toEqual([[], [], []]);
  const [need] = needsOf(back.rig.world, {
    about: () => ({ createdBy: null, kind: null, agentId: null, beadId: null }),
    ended: [],
    now: back.now,
  });
  expect(need).toMatchObject({ code: "restored", level: "now", values: { by: "ann", secrets: "GIT_TOKEN" } });
  back.run({ type: "resume" });
  await back.settled();
  expect(back.container.starts.map(({ agentId }) => agentId)).toEqual(expect.arrayContaining([works, handsIn]));
  expect(back.container.starts.find(({ agentId }) => agentId === works)?.checkpoint).toEqual({ at: "line 7" });
  expect(back.container.merges.map(({ entryId }) => entryId)).toEqual([reviewId]);
  expect(replayFromArchive(back.rig)).toMatchObject({ divergence: null });
});

test("RESTORE-held is held as well if it drained, or was paused, when its file was written", async () => {
  for (const type of ["drain", "pause"] as const) {
    const { rig } = await busy();
    rig.run({ type });
    const back = await brought(sealed(linesOf(rig)));
    expect(back.rig.world.rig.value).toMatchObject({ life: { alive: "paused" } });
    back.run({ type: "resume" });
    expect(back.rig.world.rig.value).toMatchObject({ life: { alive: "open" } });
  }
});

test("RESTORE-secrets names the secrets that nobody has set yet, until it is resumed", async () => {
  const rig = town();
  const back = await brought(sealed(linesOf(rig, ["GIT_TOKEN", "MODEL_KEY"])));
  const known = {
    about: () => ({ createdBy: null, kind: null, agentId: null, beadId: null }),
    ended: [],
    now: back.now,
  };
  const told = (secrets: string[]) =>
    needsOf(back.rig.world, { ...known, secrets })
      .filter(({ code }) => code === "restored")
      .map((need) => say(need, { agent: (id) => id, bead: (id) => id }).text);
  expect(told(["GIT_TOKEN"])).toEqual([expect.stringContaining("Secrets to set first: MODEL_KEY.")]);
  expect(told(["GIT_TOKEN", "MODEL_KEY"])).toEqual([expect.stringContaining("Secrets to set first: none.")]);
  back.run({ type: "resume" });
  expect(told([])).toEqual([]);
});

test("RESTORE-fence neither a dispatch of the file nor one that was granted after it", async () => {
  const { rig, works } = await busy();
  const back = await brought(sealed(linesOf(rig)));
  for (const n of [1, 2, 50])
    expect(
      back.run({ type: "done", agentId: works, branch: "b", prUrl: null, summary: null }, {
        ...as(back, works, n),
        madeAt: back.now,
      } as AgentCaller).stale,
    ).toBe(true);
  expect(stateOf(back, works)).toBe("exited.evicted");
  back.run({ type: "resume" });
  await back.advance(back.now + MINUTE);
  const { dispatchN } = agentOf(back, works).context;
  expect(dispatchN).toBeGreaterThan(Math.floor(back.now / 1_000) - 3_600);
  expect(stateOf(back, works)).toMatch(/^(working|restarting\.starting)/);
  expect(
    back.run({ type: "done", agentId: works, branch: "b", prUrl: null, summary: null }, {
      ...as(back, works, 2),
      madeAt: back.now,
    } as AgentCaller).stale,
  ).toBe(true);
  back.run({ type: "done", agentId: works, branch: "b", prUrl: null, summary: null }, {
    ...as(back, works),
    madeAt: back.now,
  } as AgentCaller);
  await back.settled();
  expect(stateOf(back, works)).toBe("idle.empty");
});

test("RESTORE-token no token that was made before, not one of an agent without a dispatch either", async () => {
  const { rig, works } = await busy();
  const back = await brought(sealed(linesOf(rig)));
  const at = back.rig.world.rig.context.imported?.at ?? 0;
  const with_ = (madeAt: number | undefined): AgentCaller => ({
    ...(as(back, works) as AgentCaller),
    dispatchId: null,
    ...(madeAt === undefined ? {} : { madeAt }),
  });
  expect(admit(back.rig.world, with_(at - SECOND))).toMatchObject({
    status: 401,
    error: expect.stringContaining("brought back"),
  });
  expect(admit(back.rig.world, with_(undefined))).toMatchObject({ status: 401 });
  expect(admit(back.rig.world, with_(at))).toBeNull();
  expect(admit(rig.rig.world, with_(undefined))).toBeNull();
});

test("no claim: a verdict on a merge of before is a stale one", async () => {
  const { rig, reviewId } = await busy();
  const { claim } = reviewOf(rig, reviewId).context;
  const back = await brought(sealed(linesOf(rig)));
  back.run({
    type: "complete_review",
    reviewId,
    claimId: `${reviewId}:${claim}`,
    verdict: "conflict",
    permanent: false,
    message: "old",
    commitSha: null,
  });
  expect(reviewOf(back, reviewId).value).toBe("pending");
});

test("an agent that is made after it is none of those that were made before", async () => {
  const rig = town();
  const file = sealed(linesOf(rig));
  const before = await slung(rig);
  const back = await brought(file);
  back.run({ type: "resume" });
  back.run({ type: "create_bead", bead: bead("x"), assignTo: null });
  await back.settled();
  const [made] = facts(back, "agent.registered");
  expect(made?.agentId).toMatch(/^polecat-rig1-\d+-\d{10}$/);
  expect(made?.agentId).not.toBe(before.agentId);
});

test("RESTORE-whole wherever it is cut, and whichever line is left out, doubled or moved", async () => {
  const { rig } = await busy();
  const lines = linesOf(rig);
  const file = sealed(lines).trimEnd().split("\n");
  for (let i = 0; i < file.length; i++) {
    expect(await refusal(file.slice(0, i).join("\n"))).not.toBe("taken");
    // Sealed anew by whoever changes it: then it is the journal itself that does not come out.
    if (i < 1 || i >= lines.length) continue;
    const without = [...lines.slice(0, i), ...lines.slice(i + 1)];
    const doubled = [...lines.slice(0, i), lines[i] ?? "", ...lines.slice(i)];
    const moved = [...lines.slice(0, i), lines[i + 1] ?? "", lines[i] ?? "", ...lines.slice(i + 2)];
    const isActor = (n: number) => lines[n]?.startsWith('{"actor"') === true;
    expect(await refusal(sealed(without)), `without line ${i + 1}`).not.toBe("taken");
    expect(await refusal(sealed(doubled)), `line ${i + 1} twice`).not.toBe("taken");
    // In which order actors are stored says nothing.
    if (i + 1 < lines.length && !(isActor(i) && isActor(i + 1)))
      expect(await refusal(sealed(moved)), `line ${i + 1} after the next`).not.toBe("taken");
  }
});

test("RESTORE-whole where a text was changed by whoever could not seal it again, and where what is derived was, by whoever could", async () => {
  const { rig } = await busy();
  const file = sealed(linesOf(rig));
  expect(await refusal(file.replace("which glaze?", "which clay??"))).toContain("SHA-256");
  const lines = linesOf(rig);
  const changed = (from: RegExp, to: string) => sealed(lines.map((line) => line.replace(from, to)));
  expect(await refusal(changed(/"attempts":0/, '"attempts":1'))).toMatch(
    /does not come out at fact \d+|stores .* otherwise/,
  );
  expect(await refusal(changed(/"kind":"container.start"/, '"kind":"container.stop"'))).toMatch(
    /does not come out at fact/,
  );
  expect(await refusal(changed(/^\{"seq":(\d+),/, '{"seq":1$1,'))).toMatch(/gap|archive/);
});

test("with a sentence that says what is wrong", async () => {
  const rig = town();
  const lines = linesOf(rig);
  expect(await refusal("")).toBe("this is no journal file: it is empty");
  expect(await refusal("hello\n")).toBe("this is no journal file: its first line is not JSON");
  expect(await refusal(`${lines.join("\n")}\n`)).toContain("its last line, which says so, is missing");
  expect(await refusal(sealed([...lines, '{"seq":'].toSorted()))).not.toBe("taken");
  expect(await refusal(sealed(lines), { userId: "eve" })).toContain("is user user1's: import it for that user");
  expect(await refusal(sealed([headerLine(null), ...lines.slice(1)]))).toContain("does not say of which rig");
  expect(await refusal(sealed([headerLine("rig2"), ...lines.slice(1)]))).toContain("of rig1, its first line of rig2");
  expect(await refusal(sealed(lines) + sealed(lines).split("\n")[1])).toContain("lines behind the end");
  expect(
    await refusal(
      sealed(lines.map((line) => line.replace('"type":"rig.configured","v":2', '"type":"rig.configured","v":9'))),
    ),
  ).toContain("use a newer one");
  const ended = town();
  ended.run({ type: "destroy" });
  expect(await refusal(sealed(linesOf(ended)))).toBe("the rig of this file was deleted");
  const credential = sealed(
    lines.map((line) => line.replaceAll("file:///repo", "https://me:secret@example.com/r.git")),
  );
  expect(await refusal(credential)).toContain("no plain address");
  expect(await refusal(credential)).not.toContain("secret@");
});

test("a line is refused that is longer than any row, and of the names of secrets so many are kept", async () => {
  const rig = town();
  const [head = "", ...rest] = linesOf(rig);
  const long = `{"seq":1,"at":1,"x":"${"x".repeat(LIMITS.import_line_bytes)}"}`;
  expect(await refusal(`${head}\n${long}\n`)).toBe(
    `a line of a journal file may have ${LIMITS.import_line_bytes} bytes`,
  );
  const names = (n: number) => Array.from({ length: n }, (_, i) => `KEY_${i}`);
  for (const n of [LIMITS.secrets_named, LIMITS.secrets_named + 1]) {
    const back = await brought(sealed([headerLine("rig1", { secrets: names(n) }), ...rest]));
    expect(back.rig.world.rig.context.imported?.secrets).toEqual(names(LIMITS.secrets_named));
  }
});

test("where it is too large, or a line of it is, and not where it is just as large as it may be", async () => {
  const rig = town();
  const file = sealed(linesOf(rig));
  const bytes = Buffer.byteLength(file);
  const longest = Math.max(...file.split("\n").map((line) => line.length));
  const within = { import_bytes: bytes, import_line_bytes: longest, import_page_bytes: LIMITS.import_page_bytes };
  expect(await refusal(file, { limits: within })).toBe("taken");
  expect(await refusal(file, { limits: { ...within, import_bytes: bytes - 1 } })).toContain(
    `may have ${bytes - 1} bytes`,
  );
  expect(await refusal(file, { limits: { ...within, import_line_bytes: longest - 1 } })).toContain(
    `may have ${longest - 1} bytes`,
  );
  expect(await refusal(file, { limits: { ...within, import_page_bytes: 10 } })).toBe("taken");
});

async function written(rig: TestRig, between: () => void): Promise<string[]> {
  const lines = [headerLine("rig1")];
  let still = true;
  let next: ExportCursor | null = { part: "facts", after: 0 };
  while (next !== null) {
    const page = exportPage(rig.rig, next);
    lines.push(...page.lines);
    still &&= page.still;
    ({ next } = page);
    between();
  }
  return sealed(lines, { still }).trimEnd().split("\n");
}

test("RESTORE-export is whole all the same: it has an end, and its actors are those of its last fact, or are said not to be", async () => {
  const rig = town();
  await slung(rig);
  let calls = 0;
  const busy = await written(rig, () => {
    expect(++calls, "pages of a short journal").toBeLessThan(5);
    rig.run({ type: "create_bead", bead: bead("more"), assignTo: null });
  });
  expect(await refusal(`${busy.join("\n")}\n`)).toBe("taken");
  expect(await replayFile(busy)).toMatchObject({ divergence: null });
  const { seq } = rig.rig.world;
  const isStill = (through: number) => exportPage(rig.rig, { part: "actors", after: -1, through }).still;
  expect([isStill(seq), isStill(seq - 1)]).toEqual([true, false]);
  // Later rows than facts: not compared, where the seal says so.
  const lines = linesOf(rig);
  rig.run({ type: "pause" });
  const later = [
    ...lines.filter((line) => !line.startsWith('{"actor"')),
    ...linesOf(rig).filter((line) => line.startsWith('{"actor"')),
  ];
  expect(await refusal(sealed(later))).toContain("stores rig:rig otherwise");
  expect(await refusal(sealed(later, { still: false }))).toBe("taken");
  expect((await replayFile(sealed(later).split("\n"))).divergence).not.toBeNull();
  expect((await replayFile(sealed(later, { still: false }).split("\n"))).divergence).toBeNull();
  expect(beadOf(rig, facts(rig, "bead.created")[0]?.beadId ?? "").value).toBe("in_progress");
});
