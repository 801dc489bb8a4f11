import { expect, test } from "vitest";
import { attemptsOf, keepAttempt } from "../../../src/do/attempts.ts";
import { needs } from "../../../src/do/needs.ts";
import { whyOfBead } from "../../../src/do/why.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { agentOf, as, exits, MINUTE, SECOND, slung, town } from "./words.ts";

/** What is kept of each end of a bead's dispatches, for people. */

const FAILED = { status: "failed", reason: "exit 1" } as const;

test("PLAIN-attempts each end is kept once, oldest first, whoever tells it again; and only of dispatches that the bead has had", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const tell = (dispatchId: string | null, tail: string, more = {}) =>
    keepAttempt(rig.rig, { agentId, dispatchId, beadId, tail, ...FAILED, ...more });
  tell(`${agentId}:1`, "one");
  tell(`${agentId}:2`, "never started");
  tell(`someone:1`, "another's");
  tell(null, "no dispatch");
  tell(`${agentId}:1`, "no bead", { beadId: null });
  tell(`${agentId}:1`, "another bead", { beadId: "bead-9" });
  expect(attemptsOf(rig.rig, beadId).map(({ tail }) => tail)).toEqual(["one"]);
  tell(`${agentId}:1`, "told again", { status: "completed", reason: null });
  expect(attemptsOf(rig.rig, beadId)).toEqual([
    {
      dispatch_id: `${agentId}:1`,
      agent_id: agentId,
      ended_at: new Date(rig.now).toISOString(),
      status: "completed",
      reason: "completed",
      tail: "told again",
    },
  ]);
  expect(attemptsOf(rig.rig, "bead-9")).toEqual([]);
  rig.reopen();
  expect(attemptsOf(rig.rig, beadId)).toHaveLength(1);
  rig.run({ type: "delete_bead", beadId });
  expect(attemptsOf(rig.rig, beadId)).toEqual([]);
});

test("as many ends are kept as the limit says, and of each the end of what was printed, without controls", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { max_attempts: 50, breaker_failures: 500, backoff_max_ms: 1_000 } });
  const { beadId, agentId } = await slung(rig);
  for (let n = 1; n <= LIMITS.attempts_kept + 1; n++) {
    expect(agentOf(rig, agentId).context.dispatchN).toBe(n);
    await exits(rig, agentId, "failed");
    const tail = `${"x".repeat(LIMITS.attempt_tail_chars)}\u001b[31m${n}`;
    keepAttempt(rig.rig, { agentId, beadId, dispatchId: `${agentId}:${n}`, tail, ...FAILED });
    await rig.advance(rig.now + MINUTE);
  }
  const kept = attemptsOf(rig.rig, beadId);
  expect(kept.map(({ dispatch_id }) => dispatch_id)).toEqual(
    Array.from({ length: LIMITS.attempts_kept }, (_, n) => `${agentId}:${n + 2}`),
  );
  expect(kept.every(({ tail }) => tail.length === LIMITS.attempt_tail_chars)).toBe(true);
  expect(kept[0]?.tail.endsWith("2")).toBe(true);
  expect(JSON.stringify(kept)).not.toContain("\\u001b");
});

test("PLAIN-refused a start that was refused is kept with the container's word for why, and that nothing ran", async () => {
  const rig = town();
  const code = "remote_unreachable";
  rig.container.onStart = () => ({ kind: "refused", status: 422, code: "prepare_failed", error: "no such branch" });
  const { beadId, agentId } = await slung(rig);
  rig.container.onStart = () => ({ kind: "refused", status: 422, code, error: "it does not answer" });
  await rig.advance(rig.now + MINUTE);
  rig.container.onStart = () => ({ kind: "unknown", status: 429, error: "64 agents are running" });
  await rig.advance(rig.now + 10 * MINUTE);
  const of = (n: number) => ({ dispatch_id: `${agentId}:${n}`, agent_id: agentId, status: "failed", tail: "" });
  expect(attemptsOf(rig.rig, beadId).slice(0, 3)).toMatchObject([
    { ...of(1), code: "prepare_failed", reason: "prepare_failed: no such branch" },
    { ...of(2), code, reason: `${code}: it does not answer` },
    { ...of(3), code: "HTTP 429", reason: "HTTP 429: 64 agents are running" },
  ]);
  expect(attemptsOf(rig.rig, beadId).every(({ unknown }) => unknown === undefined)).toBe(true);
});

test("PLAIN-seen what nobody reports is kept once with what the rig knows, which says what it does not; a report of it is better", async () => {
  const rig = town();
  rig.container.onStart = () => ({ kind: "unknown", error: "no answer" });
  const { beadId, agentId } = await slung(rig);
  await rig.advance(rig.now + 20 * MINUTE);
  const [first] = attemptsOf(rig.rig, beadId);
  expect(first).toMatchObject({ dispatch_id: `${agentId}:1`, status: "failed", tail: "", unknown: ["run", "output"] });
  expect(first?.reason).toBe("the container does not know it");
  keepAttempt(rig.rig, { agentId, beadId, dispatchId: `${agentId}:1`, tail: "words", ...FAILED });
  await rig.advance(rig.now + MINUTE);
  expect(attemptsOf(rig.rig, beadId)[0]).toMatchObject({ tail: "words", reason: "exit 1" });
});

test("PLAIN-old of a container that names no dispatches an end is counted as the newest one's, and that this is not known is said", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const told = { agentId, dispatchId: null, status: "completed", reason: null } as const;
  keepAttempt(rig.rig, told);
  expect(attemptsOf(rig.rig, beadId)).toEqual([]);
  rig.tell({ type: "container.met", inspects: false, ephemeral: false, trains: false, dispatchIds: false });
  keepAttempt(rig.rig, told);
  expect(attemptsOf(rig.rig, beadId)).toMatchObject([
    { dispatch_id: `${agentId}:1`, status: "completed", tail: "", unknown: ["dispatch", "output"] },
  ]);
});

/** It ends before it has had anything to show, and the container tells what it printed last. */
async function endsWith(rig: TestRig, agentId: string, beadId: string, reason: string, tail: string): Promise<void> {
  const dispatchId = `${agentId}:${agentOf(rig, agentId).context.dispatchN}`;
  rig.container.processes.delete(agentId);
  rig.run({ type: "exited", agentId, dispatchId, outcome: "failed", reason, resetAt: null }, as(rig, agentId));
  keepAttempt(rig.rig, { agentId, beadId, dispatchId, status: "failed", reason, tail });
  await rig.settled();
}

test("ends with another exit code, or with other last words but for numbers and names, are needs of their own, each with its own words", async () => {
  const first = ["exit 7", "cannot read /srv/a.json at line 4"] as const;
  for (const [other, count] of [
    [["exit 3", first[1]], 2],
    [["exit 7", "no key is set"], 2],
    [["exit 7", "cannot read /tmp/b.json at line 12"], 1],
  ] as const) {
    const rig = town();
    const works: { agentId: string; beadId: string; end: readonly [string, string] }[] = [];
    for (const end of [first, other]) works.push({ ...(await slung(rig, end.join(": "))), end });
    for (const { agentId, beadId, end } of works) await endsWith(rig, agentId, beadId, end[0], end[1]);
    await rig.advance(rig.now + 10 * SECOND);
    for (const { agentId, beadId, end } of works) await endsWith(rig, agentId, beadId, end[0], end[1]);
    const found = needs(rig.rig).needs.filter(({ code }) => code === "early_ends");
    expect([other, found.length]).toEqual([other, count]);
    for (const { beads, values } of found)
      expect(beads.map(({ title }) => title)).toContain(`${values["reason"]}: ${values["last_words"]}`);
  }
});

test("vibe-kanban#809 two equal early ends are one need, whoever they are of, with the program's own last words; why says them too, also after a restart", async () => {
  const rig = town();
  const words = "sh: 0: cannot open nope.sh: No such file";
  const found = () => needs(rig.rig).needs.filter(({ code }) => code === "early_ends");
  const one = await slung(rig, "one");
  const two = await slung(rig, "two");
  for (const { agentId, beadId } of [one, two]) await endsWith(rig, agentId, beadId, "exit 2", `\n${words}\n\n`);
  expect(whyOfBead(rig.rig, one.beadId)).toMatchObject({
    sentence: expect.stringContaining(words) as string,
    values: { last_words: words },
  });
  await rig.advance(rig.now + 10 * SECOND);
  expect(found()).toEqual([]);
  for (const { agentId, beadId } of [one, two]) await endsWith(rig, agentId, beadId, "exit 2", `${words}\n`);
  rig.reopen();
  // Whether it has committed meanwhile is not known here, and is not said.
  expect(found()[0]?.text).not.toContain("anything to show");
  expect(found()).toMatchObject([
    {
      level: "soon",
      count: 2,
      beads: [{ title: "one" }, { title: "two" }],
      text: expect.stringContaining(`Its last words: ${words}`) as string,
      values: { times: 2, last_words: words },
    },
  ]);
  expect(whyOfBead(rig.rig, one.beadId)?.sentence).toContain(words);
  // Its next dispatch has something to show: that is over. The other one goes on like this.
  await rig.advance(rig.now + MINUTE);
  rig.run({ type: "progressed", agentId: one.agentId, what: "a tool" }, as(rig, one.agentId));
  expect(found()).toMatchObject([{ beads: [{ title: "two" }] }]);
  await endsWith(rig, two.agentId, two.beadId, "exit 3", "something else");
  expect(found()).toEqual([]);
});
