import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as actions from "../../../dashboard/src/lib/actions.ts";
import { bulkOf } from "../../../dashboard/src/lib/bulk.ts";
import { commandsOnMany } from "../../../dashboard/src/lib/commands.ts";
import { agentStateOf } from "../../../dashboard/src/lib/does-now.ts";
import { listsOf } from "../../../dashboard/src/lib/lists.ts";
import { etaOf } from "../../../dashboard/src/lib/train.ts";
import { worldOf } from "../../../dashboard/src/lib/world.ts";
import { board } from "../../../src/do/board.ts";
import { bead, testRig, type TestRig } from "../../support/node-rig.ts";

/** What the controls of the board act on, and what each of them asks of the rig. */

let rig: TestRig;
beforeEach(() => {
  rig = testRig();
  rig.run({ type: "set_settings", settings: { max_attempts: 1, capacity: 5 } });
});
afterEach(() => {
  rig.close();
  vi.unstubAllGlobals();
});

function shown() {
  const made = board(rig.rig);
  const content = new Map(Object.entries(made.content));
  const world = worldOf(made);
  return { world, content, now: made.now, lists: listsOf(world, { content, now: made.now, today: 0 }) };
}

/** Work that has failed for this reason. */
async function failed(title: string, reason: string): Promise<string> {
  const { beadId = "", agentId = "" } = rig.run({ type: "sling", bead: bead(title) });
  await rig.settled();
  rig.run({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason, resetAt: null });
  rig.container.processes.delete(agentId);
  // Far apart: beads that end alike with nothing between are an outage.
  await rig.advance(rig.now + 360_000);
  return beadId;
}

/** What is asked of the rig, in its order; all of it is answered with yes. */
function asked(): { readonly requests: string[] } {
  const requests: string[] = [];
  vi.stubGlobal("fetch", (path: string, { method, body }: { method: string; body?: string }) => {
    requests.push(`${method} ${path.replace("/api/rigs/r", "")} ${body ?? ""}`.trim());
    return Promise.resolve(Response.json({ data: { title: "It", name: "it" } }));
  });
  return { requests };
}

describe("of many that are chosen", () => {
  test("only failed work is tried again, only what waits is held, only what is held is released, only what is not over is cancelled", async () => {
    const lost = await failed("lost", "exit 1");
    const { beadId: runs = "" } = rig.run({ type: "sling", bead: bead("runs") });
    const waits = rig.run({ type: "create_bead", bead: bead("waits", { blockedBy: [runs] }), assignTo: null }).beadId;
    const held = rig.run({
      type: "create_bead",
      bead: bead("held", { blockedBy: [runs], deferUntil: rig.now + 1_000 } as never),
      assignTo: null,
    }).beadId;
    await rig.settled();
    const { world, now } = shown();
    const all = [...world.beads.values()];
    const escalations = all.filter(({ context }) => context.type === "escalation").map(({ context }) => context.id);
    expect(escalations.length).toBeGreaterThan(0);
    const at = (when: number) => bulkOf(all, when);
    expect(at(now).failed).toEqual([lost]);
    expect(new Set(at(now).open)).toEqual(new Set([runs, waits, held, ...escalations]));
    expect(at(now).waits).toEqual(expect.arrayContaining([waits, held]));
    expect(at(now).waits).not.toContain(runs);
    const until = world.beads.get(held ?? "")?.context.deferUntil ?? 0;
    expect([at(until - 1).held, at(until).held]).toEqual([[held], []]);
  });
});

describe("a command of the palette that acts on many", () => {
  test("shows on which before it acts, one for each cause; on one it says its title and needs no preview", async () => {
    const same = [await failed("one", "npm ci failed"), await failed("two", "npm ci failed")];
    await failed("other", "no key");
    const done: string[] = [];
    const commands = commandsOnMany({ ...shown(), rigId: "r", run: (_, refused) => () => void done.push(refused) });
    const many = commands.find(({ preview }) => preview?.length === 2);
    expect(many?.preview?.toSorted()).toEqual(["one", "two"]);
    expect(many?.text).toMatch(/^Retry 2 that failed: .*npm ci failed/);
    expect(many?.aside).toBe("preview first");
    const one = commands.find(({ text }) => text === "Retry “other”");
    expect(one).toBeDefined();
    expect(one?.preview).toBeUndefined();
    many?.act();
    expect(done).toEqual(["Not tried again"]);
    const { requests } = asked();
    await actions.retryAll("r", same, []);
    expect(requests).toEqual([`POST /beads/retry ${JSON.stringify({ ids: same })}`]);
  });
});

describe("when a branch may be there", () => {
  const AT = 1_000_000;
  const LASTS = 60_000;
  test.each([
    ["what is being checked: when its train left, and as long as one takes", "boarded", AT - 20_000, AT + 40_000],
    ["what is in line behind a train: after that one and its own", "pending", AT - 20_000, AT + 100_000],
    ["what is in line with nothing before it: as long as one takes", "pending", null, AT + LASTS],
    ["what is held: nobody knows", "held", null, null],
    ["what needs an approval: nobody knows", "unapproved", AT, null],
  ] as const)("%s", (_, value, departedAt, expected) => {
    expect(etaOf({ value } as never, departedAt, LASTS, AT)).toBe(expected);
  });

  test("nobody knows before a first train", () => {
    expect(etaOf({ value: "boarded" } as never, AT, null, AT)).toBeNull();
  });
});

describe("a control asks the rig for one thing, under the name of who is let in", () => {
  test("approve, hold, release, jump, remove, revert, retry", async () => {
    const { requests } = asked();
    await actions.approve("r", "rv", "9f8e7d");
    for (const act of ["hold", "release", "jump", "remove"] as const) await actions.queueAll("r", ["rv"], act);
    await actions.revert("r", "b", "it broke the till", true);
    await actions.retryAll("r", ["b", "c"], ["e"]);
    expect(requests.slice(0, 7)).toEqual([
      'POST /review-queue/rv/approve {"tree":"9f8e7d"}',
      "POST /review-queue/rv/hold {}",
      "POST /review-queue/rv/release {}",
      "POST /review-queue/rv/jump {}",
      "POST /review-queue/rv/remove {}",
      'POST /beads/b/revert {"why":"it broke the till","redo":true}',
      'POST /beads/retry {"ids":["b","c"]}',
    ]);
    // What told of the failure is settled with it.
    expect(requests[7]).toMatch(/beads\/e/);
  });

  test("many at once: each by itself, and of those that are refused it is said how many and why", async () => {
    const doing = (id: string) => (id === "b" ? Promise.reject(new Error("it is merged")) : Promise.resolve());
    expect(await actions.each(["a", "b", "c"], "Cancelled", doing)).toEqual({
      title: "Cancelled 2 pieces of work",
      text: "1 was refused: it is merged",
    });
    await expect(actions.each(["b"], "Cancelled", doing)).rejects.toThrow("it is merged");
  });

  test("an agent is held and released; the board calls it held when nothing of it runs any more", async () => {
    const { agentId = "" } = rig.run({ type: "sling", bead: bead("runs") });
    await rig.settled();
    const agent = () => {
      const found = shown().world.agents.get(agentId);
      if (found === undefined) throw new Error("no agent");
      return found;
    };
    const { requests } = asked();
    await actions.hold("r", agent(), "");
    await actions.release("r", agent());
    expect(requests).toEqual([`POST /agents/${agentId}/hold {"reason":""}`, `POST /agents/${agentId}/release {}`]);
    rig.run({ type: "hold_agent", agentId, reason: "" });
    expect(agentStateOf(agent()).word).not.toBe("Held");
    rig.run({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "exit 1", resetAt: null });
    rig.container.processes.delete(agentId);
    await rig.advance(rig.now + 120_000);
    expect(agentStateOf(agent()).word).toBe("Held");
    rig.run({ type: "release_agent", agentId });
    expect(agentStateOf(agent()).word).not.toBe("Held");
  });
});
