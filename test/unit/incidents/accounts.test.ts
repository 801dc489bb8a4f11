import { expect, test } from "vitest";
import { ACCOUNTS_MAX, PROGRAMS_OF_ACCOUNT_MAX } from "../../../src/events/account.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { whyAgent, whyBead } from "../../../src/core/why.ts";
import { SettingsPatch } from "../../../src/events/settings.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, DAY, exits, facts, HOUR, MINUTE, SECOND, slung, stateOf, town } from "./words.ts";

/** What a provider limits is an account, not an agent: what is held for it, what is run meanwhile, and how it ends. */

const ONE = "anthropic:0000000000000001";
const OTHER = "openai:0000000000000002";
const TWO_PROGRAMS: SettingsPatch = { runtimes: [{ runtime: "claude" }, { runtime: "codex", model: "gpt" }] };

const set = (rig: TestRig, settings: SettingsPatch): unknown => rig.run({ type: "set_settings", settings });
const programs = (rig: TestRig): (string | undefined)[] => rig.container.starts.map(({ runtime }) => runtime);
const starts = (rig: TestRig): number => rig.container.starts.length;

/** Its process ends with the limit of an account, as its container reports it. */
async function limited(rig: TestRig, agentId: string, account: string, until: number): Promise<void> {
  rig.container.processes.delete(agentId);
  const dispatchId = `${agentId}:${agentOf(rig, agentId).context.dispatchN}`;
  rig.run(
    {
      type: "exited",
      agentId,
      dispatchId,
      outcome: "rate_limited",
      reason: "rate_limited",
      resetAt: until,
      limited: { account, until },
    },
    as(rig, agentId),
  );
  await rig.settled();
}

const answered = (rig: TestRig, agentId: string): unknown =>
  rig.run({ type: "progressed", agentId, what: "tool" }, as(rig, agentId));

test("ACCOUNT-held nothing is started with a limited account until its reset; then one start finds out, and the others follow it", async () => {
  const rig = town();
  const [first, second] = [await slung(rig, "a"), await slung(rig, "b")];
  const until = rig.now + 5 * HOUR;
  await limited(rig, first.agentId, ONE, until);
  await limited(rig, second.agentId, ONE, until);
  const third = await slung(rig, "c");
  await rig.advance(until - 1);
  expect(starts(rig)).toBe(2);
  expect(whyBead(rig.rig.world, beadOf(rig, third.beadId))).toMatchObject({
    reason: "backing_off_until",
    sentence: expect.stringContaining("one start finds out"),
    until,
  });
  expect(whyAgent(rig.rig.world, agentOf(rig, first.agentId))).toMatchObject({ reason: "backing_off_until", until });
  await rig.advance(until);
  expect(starts(rig)).toBe(3);
  await rig.advance(until + 5 * MINUTE);
  expect(starts(rig)).toBe(3);
  // Its model has answered it.
  answered(rig, rig.container.starts[2]?.agentId ?? "");
  await rig.settled();
  expect(starts(rig)).toBe(5);
  for (const { beadId } of [first, second, third]) expect(beadOf(rig, beadId).context.attempts).toBe(0);
  expect(facts(rig, "dispatch.failed")).toEqual([]);
});

test("ACCOUNT-probe the start that finds out meets the limit again: nobody else has tried, and the next wait is longer", async () => {
  const rig = town();
  const all = [await slung(rig, "a"), await slung(rig, "b")];
  for (const { agentId } of all) await limited(rig, agentId, ONE, rig.now + HOUR);
  await rig.advance(rig.now + HOUR);
  expect(starts(rig)).toBe(3);
  // A reset that has just passed, again: each is waited out longer (RepoLens#109).
  for (const wait_ms of [60 * SECOND, 120 * SECOND, 240 * SECOND]) {
    const before = starts(rig);
    await limited(rig, rig.container.starts.at(-1)?.agentId ?? "", ONE, rig.now - SECOND);
    const at = rig.now;
    await rig.advance(at + wait_ms - 1);
    expect(starts(rig)).toBe(before);
    await rig.advance(at + wait_ms);
    expect(starts(rig)).toBe(before + 1);
  }
  // It ends in another way: the next one finds out.
  const probe = rig.container.starts.at(-1)?.agentId ?? "";
  const before = starts(rig);
  await exits(rig, probe);
  await rig.advance(rig.now + MINUTE);
  expect(starts(rig)).toBe(before + 1);
});

test("ACCOUNT-next the next program of the list is run meanwhile, with its own model, and why says so", async () => {
  const rig = town();
  set(rig, TWO_PROGRAMS);
  const { agentId } = await slung(rig);
  expect(rig.container.starts[0]).toMatchObject({ runtime: "claude", model: "default" });
  const until = rig.now + 5 * HOUR;
  await limited(rig, agentId, ONE, until);
  await rig.advance(rig.now + 30 * SECOND);
  expect(rig.container.starts[1]).toMatchObject({ agentId, runtime: "codex", model: "gpt" });
  expect(whyAgent(rig.rig.world, agentOf(rig, agentId)).sentence).toContain(
    `It is run by codex and not by claude, whose account is limited until ${new Date(until).toISOString().replace(".000Z", "Z")}.`,
  );
  // Both are limited: the one that is free first is waited for.
  await limited(rig, agentId, OTHER, rig.now + HOUR);
  const other = await slung(rig, "b");
  await rig.advance(rig.now + HOUR - 1);
  expect(programs(rig)).toEqual(["claude", "codex"]);
  await rig.advance(rig.now + 2);
  expect(programs(rig)).toEqual(["claude", "codex", "codex"]);
  await limited(rig, rig.container.starts[2]?.agentId ?? "", OTHER, rig.now + 10 * HOUR);
  await rig.advance(until - 1);
  expect(starts(rig)).toBe(3);
  await rig.advance(until);
  expect(programs(rig)).toEqual(["claude", "codex", "codex", "claude"]);
  expect(beadOf(rig, other.beadId).context.attempts).toBe(0);
});

test("ACCOUNT-pinned a bead that names its program, or a model, is run by no other", async () => {
  const rig = town();
  set(rig, TWO_PROGRAMS);
  const { agentId } = await slung(rig);
  await limited(rig, agentId, ONE, rig.now + HOUR);
  const pinned = await slung(rig, "b", { runtime: "claude" });
  const modelled = await slung(rig, "c", { model: "opus" });
  await rig.advance(rig.now + MINUTE);
  expect(programs(rig)).toEqual(["claude", "codex"]);
  for (const { beadId } of [pinned, modelled])
    expect(whyBead(rig.rig.world, beadOf(rig, beadId)).reason).toBe("backing_off_until");
});

test("ACCOUNT-heard a limit that a running agent's container tells of holds the starts of others at once, and is one fact", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const told = { limited: { account: ONE, until: rig.now + HOUR } };
  for (let i = 0; i < 3; i++) heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId), told);
  expect(facts(rig, "account.limited")).toMatchObject([{ account: ONE, runtime: null }]);
  await slung(rig, "b");
  expect(starts(rig)).toBe(1);
  expect(stateOf(rig, agentId)).toContain("working");
});

test("ACCOUNT-bound no limit is believed for longer than any is known to last, and one told late of a window that is over holds nobody", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await limited(rig, agentId, ONE, rig.now + 1_000 * DAY);
  expect(rig.rig.world.accounts?.context.held[0]?.until).toBe(rig.now + LIMITS.rate_limit_max_ms);
  rig.run({ type: "set_settings", settings: { hold_accounts: false } });
  expect(rig.rig.world.accounts?.value).toBe("open");
  set(rig, { hold_accounts: true });
  const other = await slung(rig, "b");
  await limited(rig, other.agentId, ONE, rig.now - 1);
  expect(rig.rig.world.accounts?.value).toBe("open");
  // Without an account that holds it, it waits for itself.
  expect(agentOf(rig, other.agentId).context.backoffUntil).toBe(rig.now + 30 * SECOND);
});

test("ACCOUNT-off where accounts are not held, each agent waits for itself and its container is told to try", async () => {
  const rig = town();
  set(rig, { hold_accounts: false });
  const { agentId } = await slung(rig);
  expect(rig.container.starts[0]).toMatchObject({ holdAccounts: false });
  const until = rig.now + HOUR;
  await limited(rig, agentId, ONE, until);
  expect([facts(rig, "account.limited"), agentOf(rig, agentId).context.backoffUntil]).toEqual([[], until]);
  await slung(rig, "b");
  expect(starts(rig)).toBe(2);
});

test("ACCOUNT-secrets other secrets are other accounts: what was held is begun", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await limited(rig, agentId, ONE, rig.now + HOUR);
  await rig.advance(rig.now + MINUTE);
  expect(starts(rig)).toBe(1);
  rig.tell({ type: "secrets.changed" });
  await rig.settled();
  expect(starts(rig)).toBe(2);
});

test("of accounts and of their programs no more are remembered than the limit, and a rig chooses from no more programs", () => {
  const rig = town();
  const of = { agentId: "a", dispatchId: "a:1", until: rig.now + HOUR };
  const account = (n: number): string => `openai:${n.toString(16).padStart(16, "0")}`;
  for (let n = 0; n <= ACCOUNTS_MAX; n++)
    rig.tell({ type: "account.limited", ...of, account: account(n), runtime: `p${n}` });
  const held = rig.rig.world.accounts?.context.held ?? [];
  expect([held.length, held[0]?.id]).toEqual([ACCOUNTS_MAX, account(1)]);
  for (let n = 0; n <= PROGRAMS_OF_ACCOUNT_MAX; n++)
    rig.tell({ type: "account.limited", ...of, account: account(1), runtime: `q${n}` });
  const programsOf = rig.rig.world.accounts?.context.held.find(({ id }) => id === account(1))?.programs ?? [];
  expect([programsOf.length, programsOf[0]]).toEqual([PROGRAMS_OF_ACCOUNT_MAX, "q1"]);
  const list = (n: number) => ({ runtimes: Array.from({ length: n }, (_, i) => ({ runtime: `p${i}` })) });
  expect(SettingsPatch.safeParse(list(LIMITS.runtimes)).success).toBe(true);
  expect(SettingsPatch.safeParse(list(LIMITS.runtimes + 1)).success).toBe(false);
});
