import { expect, test } from "vitest";
import { heartbeat } from "../../../src/do/rig.ts";
import { setSecrets } from "../../../src/do/secrets.ts";
import { needs } from "../../../src/do/needs.ts";
import { outcomeOf } from "../../../src/do/patrol.ts";
import { agent as wireAgent } from "../../../src/do/queries.ts";
import type { Answer, Seen } from "../../../src/do/ports.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { whyAgent, whyBead } from "../../../src/core/why.ts";
import { bead, type TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, escalations, exits, facts, MINUTE, slung, stateOf, town } from "./words.ts";

/** What drivers of agents tell: conversations, use, asks and their answers, ends. */

const ask = (id: string, kind: "question" | "permission", command: string | null = null) => ({
  id,
  kind,
  text: `may I ${id}?`,
  command,
  options: kind === "question" ? [{ id: "b", label: "Blue" }] : [],
});

const asks = (rig: TestRig, agentId: string, what: ReturnType<typeof ask>) =>
  rig.run({ type: "asked", agentId, dispatchId: null, ask: what }, as(rig, agentId));

const beat = (rig: TestRig, agentId: string, seen: Seen): void => {
  const dispatchId = `${agentId}:${agentOf(rig, agentId).context.dispatchN}`;
  expect(heartbeat(rig.rig, agentId, dispatchId, as(rig, agentId), seen)).toBe(null);
};

const mails = (rig: TestRig) => facts(rig, "mail.sent").map(({ subject, body }) => [subject, body]);

test("the next dispatch of a bead goes on with the conversation of the one before", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  for (let i = 0; i < 3; i++) beat(rig, agentId, { session: { driver: "claude", id: "s-1" } });
  expect(facts(rig, "agent.session").length).toBe(1);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect(rig.container.starts.map(({ session }) => session)).toEqual([undefined, { driver: "claude", id: "s-1" }]);
});

test("a conversation that is too long is not gone on with", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  beat(rig, agentId, { session: { driver: "claude", id: "s-1" } });
  rig.run({
    type: "exited",
    agentId,
    dispatchId: `${agentId}:1`,
    outcome: "failed",
    reason: "prompt is too long",
    resetAt: null,
    ending: "context_full",
  });
  await rig.advance(rig.now + MINUTE);
  expect(rig.container.starts.at(-1)).toMatchObject({ dispatchId: `${agentId}:2` });
  expect(rig.container.starts.at(-1)?.session).toBe(undefined);
});

test("DRIVER-usage use only grows: told twice, late or by an older dispatch it changes nobody", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const used = (input_tokens: number) => ({
    usage: { session: "s", input_tokens, cached_tokens: 0, output_tokens: 5, model: "m", cost_microdollars: 7 },
  });
  const shown = () => wireAgent(rig.rig, agentId)?.usage;
  beat(rig, agentId, used(100));
  rig.now += LIMITS.usage_granularity_ms - 1;
  beat(rig, agentId, used(150));
  expect(facts(rig, "agent.usage").length).toBe(1);
  rig.now += 1;
  beat(rig, agentId, used(200));
  rig.now += LIMITS.usage_granularity_ms;
  beat(rig, agentId, used(50));
  expect(shown()).toEqual({ input_tokens: 200, cached_tokens: 0, output_tokens: 5, cost_microdollars: 7 });
  const told = { session: "s", cachedTokens: 0, outputTokens: 5, model: null, costMicrodollars: null } as const;
  rig.tell({ type: "agent.usage", agentId, dispatchId: `${agentId}:1`, inputTokens: 50, ...told });
  expect(shown()?.input_tokens).toBe(200);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  rig.tell({ type: "agent.usage", agentId, dispatchId: `${agentId}:1`, inputTokens: 9_000, ...told });
  expect(shown()?.input_tokens).toBe(200);
});

test("DRIVER-twice a permission shows its exact command with Allow, Deny and Always, and the choice goes to whoever asked", async () => {
  const rig = town();
  const given: unknown[] = [];
  rig.container.onAnswer = (effect) => {
    given.push([effect.askId, effect.optionId, effect.text]);
    return { kind: "accepted" };
  };
  const { agentId } = await slung(rig);
  asks(rig, agentId, ask("p1", "permission", "rm -rf build"));
  expect(asks(rig, agentId, ask("p1", "permission", "rm -rf build")).facts).toEqual([]);
  expect(stateOf(rig, agentId)).toBe("blocked.onPermission.waiting");
  const [need] = needs(rig.rig).needs;
  expect([need?.code, need?.ask?.command, need?.ask?.options.map(({ label }) => label)]).toEqual([
    "permission",
    "rm -rf build",
    ["Allow", "Deny", "Always"],
  ]);
  rig.run({ type: "answer", agentId, answer: null, option: "always" });
  await rig.settled();
  expect([given, mails(rig), stateOf(rig, agentId)]).toEqual([
    [["p1", "always", "Always"]],
    [],
    "working.process.running + working.progress.fresh",
  ]);
  // Answered once; the same ask again is old.
  expect(asks(rig, agentId, ask("p1", "permission")).facts).toEqual([]);
});

test("DRIVER-stale who asked for a permission and then ended because its key was not taken is let go by any words", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  asks(rig, agentId, ask("p1", "permission"));
  await exits(rig, agentId, "not_authorized");
  expect(stateOf(rig, agentId)).toBe("blocked.notAuthorized");
  rig.run({ type: "answer", agentId, answer: "go on" });
  expect(facts(rig, "agent.answered")).toMatchObject([{ answer: "go on" }]);
  expect(stateOf(rig, agentId)).not.toContain("blocked");
});

test("DRIVER-words an option's id or name said in words is that option; other words answer no permission, and its answers are told", async () => {
  const options = [
    { id: "yes", label: "Allow" },
    { id: "al", label: "Always" },
    { id: "no", label: "Deny" },
    { id: "No", label: "Never" },
  ];
  for (const [words, optionId] of [
    ["yes", "yes"],
    [" YES ", "yes"],
    ["always", "al"],
    ["deny", "no"],
    ["no", null],
    ["sure", null],
    [" ", null],
  ] as const) {
    const rig = town();
    const { agentId } = await slung(rig);
    asks(rig, agentId, { ...ask("p1", "permission"), options });
    const said = () => facts(rig, "agent.answered").map((fact) => fact.optionId);
    if (optionId !== null) {
      rig.run({ type: "answer", agentId, answer: words });
      expect([words, said()]).toEqual([words, [optionId]]);
      continue;
    }
    const refusal = /none of its answers: Allow \(yes\), Always \(al\), Deny \(no\), Never \(No\)$/;
    expect(() => rig.run({ type: "answer", agentId, answer: words })).toThrow(refusal);
    expect([words, said(), stateOf(rig, agentId)]).toEqual([words, [], "blocked.onPermission.waiting"]);
    rig.run({ type: "answer", agentId, answer: "Use git clean.", option: "no" });
    expect(facts(rig, "agent.answered")).toMatchObject([{ answer: "Use git clean.", optionId: "no" }]);
  }
});

test("to a question with options, words of one's own are an answer, and an option's name is the option", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  asks(rig, agentId, ask("q1", "question"));
  asks(rig, agentId, ask("q2", "question"));
  rig.run({ type: "answer", agentId, answer: "Green" });
  rig.run({ type: "answer", agentId, answer: "blue" });
  expect(facts(rig, "agent.answered").map(({ answer, optionId }) => [answer, optionId])).toEqual([
    ["Green", undefined],
    ["blue", "b"],
  ]);
});

test("an answer that nobody takes goes the way of a message and a letter", async () => {
  const rig = town();
  rig.container.onAnswer = () => ({ kind: "refused", status: 404, error: "nobody waits" });
  const { agentId } = await slung(rig);
  asks(rig, agentId, ask("q1", "question"));
  expect(stateOf(rig, agentId)).toBe("blocked.onHelp.waiting");
  rig.run({ type: "answer", agentId, answer: null, option: "b" });
  await rig.settled();
  expect(mails(rig)).toEqual([["ANSWER", "Blue"]]);
  expect(rig.container.calls.filter(({ kind }) => kind === "message").length).toBe(1);
});

test("DRIVER-sent what an agent was not given is not called sent: in the escalation of its stall and in why", async () => {
  const answers: readonly Answer[] = [
    { kind: "accepted" },
    { kind: "refused", status: 422, error: "it reads no messages" },
    // Kept until its turn is over; or it reads nothing, however often it is tried.
    { kind: "accepted", isHeld: true },
    { kind: "unknown", status: 429, error: "it takes no more" },
  ];
  for (const answer of answers) {
    const takes = answer === answers[0];
    const rig = town();
    rig.container.onMessage = () => answer;
    const { agentId } = await slung(rig);
    beat(rig, agentId, {});
    await rig.advance(rig.now + 31 * MINUTE);
    expect(whyAgent(rig.rig.world, agentOf(rig, agentId)).sentence).toContain(
      takes ? "it was sent a GUPP_CHECK" : "A GUPP_CHECK is in its mail; it takes no messages",
    );
    expect(facts(rig, "message.refused")).toHaveLength(takes ? 0 : 1);
    await rig.advance(rig.now + 31 * MINUTE);
    const [stall] = escalations(rig);
    expect([takes, stall?.body?.includes("It was sent a GUPP_CHECK")]).toEqual([takes, takes]);
    // The next dispatch may take them.
    await rig.advance(rig.now + 70 * MINUTE);
    expect(agentOf(rig, agentId).context).toMatchObject({ dispatchN: 2 });
    expect(agentOf(rig, agentId).context.takesNoMessages).toBeUndefined();
  }
});

test("DRIVER-asks what was asked stays asked while its agent saves or shows progress, and only an answer ends it", async () => {
  for (const kind of ["question", "permission"] as const) {
    const rig = town();
    const { agentId } = await slung(rig);
    asks(rig, agentId, ask("q1", kind, kind === "permission" ? "ls" : null));
    rig.run({ type: "checkpoint", agentId, data: { step: kind } }, as(rig, agentId));
    rig.now += MINUTE;
    rig.run({ type: "progressed", agentId, what: "a tool" }, as(rig, agentId));
    expect([kind, needs(rig.rig).needs.map(({ code }) => code)]).toEqual([kind, [kind]]);
    expect(facts(rig, "agent.checkpointed")).toHaveLength(1);
    rig.run({ type: "answer", agentId, answer: kind === "permission" ? "allow" : "yes" });
    expect(needs(rig.rig).needs).toEqual([]);
  }
});

test("of two asks both are answered, in their order, before the agent goes on", async () => {
  const rig = town();
  const given: unknown[] = [];
  rig.container.onAnswer = (effect) => {
    given.push([effect.askId, effect.text]);
    return { kind: "accepted" };
  };
  const { agentId } = await slung(rig);
  asks(rig, agentId, ask("q1", "question"));
  asks(rig, agentId, ask("q2", "question"));
  rig.run({ type: "answer", agentId, answer: "one" });
  expect(stateOf(rig, agentId)).toBe("blocked.onHelp.waiting");
  rig.run({ type: "answer", agentId, answer: "two" });
  await rig.settled();
  expect(given).toEqual([
    ["q1", "one"],
    ["q2", "two"],
  ]);
  expect(stateOf(rig, agentId)).toBe("working.process.running + working.progress.fresh");
});

test("a key that is not taken is charged to nobody, is one need for all, and work goes on when the secrets change", async () => {
  const rig = town();
  const agents = [await slung(rig, "one"), await slung(rig, "two")].map(({ agentId }) => agentId);
  for (const agentId of agents)
    rig.run({
      type: "exited",
      agentId,
      dispatchId: `${agentId}:1`,
      ...outcomeOf("failed", "ANTHROPIC_API_KEY was not taken (401)", null, "not_authorized"),
      reason: "ANTHROPIC_API_KEY was not taken (401)",
      ending: "not_authorized",
      runtime: "claude",
    });
  await rig.advance(rig.now + 60 * MINUTE);
  expect(rig.container.starts.length).toBe(2);
  expect(agents.map((id) => [stateOf(rig, id), agentOf(rig, id).context.attempts])).toEqual(
    agents.map(() => ["blocked.notAuthorized", 0]),
  );
  const told = needs(rig.rig).needs.filter(({ level }) => level === "now");
  expect(told.map(({ code, count }) => [code, count])).toEqual([["not_authorized", 2]]);
  expect(told[0]?.text).toMatch(/ANTHROPIC_API_KEY/);
  setSecrets(rig.rig, { ANTHROPIC_API_KEY: "another" });
  await rig.advance(rig.now + MINUTE);
  expect(rig.container.starts.length).toBe(4);
});

test("HOLD-own what the container has by itself is the same program, whether it is asked for by its name or not at all", async () => {
  for (const [mine, theirs] of [
    ["claude", undefined],
    [undefined, "claude"],
  ]) {
    const rig = town();
    rig.tell({ type: "container.met", inspects: true, ephemeral: false, trains: false, runtime: "claude" });
    const of = (runtime: string | undefined) => (runtime === undefined ? {} : { runtime });
    const { agentId } = rig.run({ type: "sling", bead: bead("first", of(mine)) });
    await rig.settled();
    rig.run({
      type: "exited",
      agentId: agentId ?? "",
      dispatchId: null,
      outcome: "not_authorized",
      reason: "ANTHROPIC_API_KEY was not taken (401)",
      resetAt: null,
      ending: "not_authorized",
      // A patrol that has seen it does not know what it was.
    });
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("second", of(theirs)), assignTo: null });
    rig.run({ type: "create_bead", bead: bead("another", { runtime: "codex" }), assignTo: null });
    await rig.advance(rig.now + 10 * MINUTE);
    expect(rig.container.starts.map(({ runtime }) => runtime)).toEqual([mine, "codex"]);
    expect(beadOf(rig, beadId).value).toBe("open");
  }
});

test("HOLD-key a program whose key was not taken is held for what has not begun, whoever asks for it, and for nobody else", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { runtime: "claude" } });
  const { agentId } = await slung(rig, "first");
  const second = await slung(rig, "second");
  const refuse = (id: string) =>
    rig.run({
      type: "exited",
      agentId: id,
      dispatchId: null,
      outcome: "not_authorized",
      reason: "ANTHROPIC_API_KEY was not taken (401)",
      resetAt: null,
      ending: "not_authorized",
      runtime: "claude",
    });
  for (const id of [agentId, second.agentId]) refuse(id);
  rig.run({ type: "create_bead", bead: bead("other", { runtime: "codex" }), assignTo: null });
  const waits = rig.run({ type: "create_bead", bead: bead("same program"), assignTo: null }).beadId ?? "";
  const byName = rig.run({ type: "create_bead", bead: bead("by name", { runtime: "claude" }), assignTo: null });
  const hooked = rig.run({ type: "sling", bead: bead("on a hook") });
  await rig.advance(rig.now + 10 * MINUTE);
  expect(rig.container.starts.map(({ runtime }) => runtime)).toEqual(["claude", "claude", "codex"]);
  expect(whyBead(rig.rig.world, beadOf(rig, waits))).toMatchObject({
    reason: "waiting_for_person",
    sentence: expect.stringContaining("ANTHROPIC_API_KEY was not taken") as string,
  });
  const [need] = needs(rig.rig).needs.filter(({ code }) => code === "not_authorized");
  expect(need?.waiting.map(({ id }) => id).sort()).toEqual([waits, byName.beadId, hooked.beadId].sort());
  // A person may let the one that waits try again; what has not begun waits until that is known.
  rig.run({ type: "answer", agentId, answer: "try again" });
  await rig.settled();
  expect(rig.container.starts.slice(3)).toMatchObject([{ dispatchId: `${agentId}:2` }]);
  refuse(agentId);
  setSecrets(rig.rig, { ANTHROPIC_API_KEY: "another" });
  await rig.advance(rig.now + MINUTE);
  expect(beadOf(rig, waits).value).toBe("in_progress");
});

test("DRIVER-attempts a crash loop that saves a fresh note each time runs out of attempts; with a new commit each time it goes on", async () => {
  for (const isCommitting of [false, true]) {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    for (let n = 1; n <= 40 && agentOf(rig, agentId).context.hook === beadId; n++) {
      const head = String(n).padStart(40, "0");
      beat(rig, agentId, isCommitting ? { head } : {});
      rig.run({ type: "checkpoint", agentId, data: { n } }, as(rig, agentId));
      await exits(rig, agentId);
      await rig.advance(rig.now + 11 * MINUTE);
    }
    expect([isCommitting, beadOf(rig, beadId).value]).toEqual([isCommitting, isCommitting ? "in_progress" : "failed"]);
    // The first notes count: each of them gives the attempts back once.
    if (!isCommitting) expect(facts(rig, "dispatch.granted").length).toBe(5 + LIMITS.note_resets);
  }
});

test("program and model are what the bead says, then its agent's role, then the rig", async () => {
  const rig = town();
  rig.run({
    type: "set_settings",
    settings: { runtime: "codex", model: "m-rig", programs: { polecat: { model: "m-role" } } },
  });
  await slung(rig, "one");
  await slung(rig, "two", { runtime: "claude", model: "m-bead" });
  expect(rig.container.starts.map(({ runtime, model }) => [runtime, model])).toEqual([
    ["codex", "m-role"],
    ["claude", "m-bead"],
  ]);
});
