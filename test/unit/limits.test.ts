import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { containerGateway } from "../../src/do/gateway.ts";
import { once } from "../../src/do/idempotency.ts";
import { needs } from "../../src/do/needs.ts";
import { execute } from "../../src/do/rig.ts";
import { Fact } from "../../src/events/facts.ts";
import { DOOR, LIMITS } from "../../src/events/limits.ts";
import { SettingsPatch } from "../../src/events/settings.ts";
import { BeadCreate, Sling } from "../../src/wire/schemas.ts";
import { bead } from "../support/node-rig.ts";
import { agentOf, as, beadOf, facts, MINUTE, slung, submitted, town, verdict } from "./incidents/words.ts";

/** Both sides of the limits that no other test names, and that each limit has such a test at all. */

type Limit = keyof typeof LIMITS;
const MEGABYTE = 1_048_576;
const long = (chars: number): string => "x".repeat(chars);
const many = (n: number): string[] => Array.from({ length: n }, (_, i) => `l${i}`);
/** One ask of a driver as a fact. */
const isAsk = (more: object): boolean =>
  Fact.safeParse({
    type: "agent.asked",
    agentId: "a",
    dispatchId: "a:1",
    askId: "q",
    kind: "question",
    text: "t",
    command: null,
    options: [],
    ...more,
  }).success;
const options = (n: number, label = "l") => Array.from({ length: n }, (_, i) => ({ id: `o${i}`, label }));
const isSetting = (patch: object): boolean => SettingsPatch.safeParse(patch).success;
const isBead = (more: object): boolean => Sling.safeParse({ title: "t", ...more }).success;

/** An agent at work that can ask. */
async function asking() {
  const rig = town();
  const { agentId } = await slung(rig);
  const asks = (id: string) =>
    execute(
      rig.rig,
      {
        type: "asked",
        agentId,
        dispatchId: null,
        ask: { id, kind: "question", text: `may I ${id}?`, command: null, options: [] },
      },
      as(rig, agentId),
    );
  return { rig, agentId, asks };
}

/** At the limit, and one over it. */
const SIDES: Partial<Record<Limit, (n: number) => boolean | Promise<boolean>>> = {
  id_chars: (n) => Fact.safeParse({ type: "bead.closed", beadId: long(n), by: "a" }).success,
  title_chars: (n) => BeadCreate.safeParse({ type: "issue", title: long(n) }).success,
  labels: (n) => isBead({ labels: many(n) }),
  label_chars: (n) => isBead({ labels: [long(n)] }),
  ask_id_chars: (n) => isAsk({ askId: long(n) }),
  ask_text_chars: (n) => isAsk({ text: long(n) }),
  ask_command_chars: (n) => isAsk({ command: long(n) }),
  ask_options: (n) => isAsk({ options: options(n) }),
  option_label_chars: (n) => isAsk({ options: options(1, long(n)) }),
  asks_waiting: async (n) => {
    const { rig, agentId, asks } = await asking();
    for (let i = 1; i < n; i++) asks(`q${i}`);
    const last = asks(`q${n}`);
    return last.ok && agentOf(rig, agentId).context.asks?.length === n;
  },
  asks_remembered: async (n) => {
    const { rig, agentId, asks } = await asking();
    for (let i = 1; i <= n; i++) {
      asks(`q${i}`);
      rig.run({ type: "answer", agentId, answer: "yes" });
    }
    // The first is known still: asked again, it is no news.
    const before = facts(rig, "agent.asked").length;
    asks("q1");
    return facts(rig, "agent.asked").length === before;
  },
  sessions_counted: async (n) => {
    const { rig, agentId } = await asking();
    const used = { inputTokens: 1, cachedTokens: 0, outputTokens: 1, model: null, costMicrodollars: null };
    for (let i = 1; i <= n; i++)
      rig.tell({ type: "agent.usage", agentId, dispatchId: `${agentId}:1`, session: `s${i}`, ...used });
    return agentOf(rig, agentId).context.usage?.sessions[0]?.session === "s1";
  },
  runtime_chars: (n) => isSetting({ runtime: long(n) }) && isSetting({ programs: { mayor: { runtime: long(n) } } }),
  model_chars: (n) => isSetting({ model: long(n) }) && isSetting({ programs: { polecat: { model: long(n) } } }),
  blockers: (n) => isBead({ blocked_by: many(n) }),
  idempotency_keys: (n) => {
    const rig = town();
    for (let i = 1; i < n; i++)
      rig.ports.sql.exec("INSERT INTO idempotency VALUES (?, ?, 'f', 0, '{\"ok\":true}')", `key-${i}`, i);
    rig.now = MINUTE;
    once(rig.rig, { key: "newest", fingerprint: "f" }, () => ({ ok: true }));
    // The oldest is remembered still: asked for something else, it refuses.
    return !once(rig.rig, { key: "key-1", fingerprint: "other" }, () => ({ ok: true })).ok;
  },
  idempotency_bytes: (n) => {
    const rig = town();
    const insert = (key: string, at: number, bytes: number) =>
      rig.ports.sql.exec("INSERT INTO idempotency VALUES (?, ?, 'f', 0, ?)", key, at, `{"x":"${long(bytes - 8)}"}`);
    insert("oldest", 1, n - MEGABYTE - 11);
    insert("newer", 2, MEGABYTE);
    rig.now = MINUTE;
    // Its answer has 11 bytes.
    once(rig.rig, { key: "newest", fingerprint: "f" }, () => ({ ok: true }));
    return !once(rig.rig, { key: "oldest", fingerprint: "other" }, () => ({ ok: true })).ok;
  },
  failed_looked_at: (n) => {
    const rig = town();
    rig.run({ type: "pause" });
    const { agentId = "" } = rig.run({ type: "register_agent", role: "polecat", name: "a", identity: "a" });
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("x"), assignTo: null });
    rig.tell({ type: "bead.status_set", beadId, status: "failed", by: agentId });
    const newer = n - 1;
    rig.ports.sql.exec(
      `WITH RECURSIVE more(i) AS (SELECT 1 WHERE ? > 0 UNION ALL SELECT i + 1 FROM more WHERE i < ?)
       INSERT INTO actors SELECT 1000 + i, kind, 'bead-of-' || i, state, live, v, value,
       replace(context, 'set to failed by ' || ?, 'cancelled by a person'), error FROM actors, more WHERE id = ?`,
      newer,
      newer,
      agentId,
      beadId,
    );
    return needs(rig.rig).needs.some(({ code, beads }) => code === "given_up" && beads[0]?.id === beadId);
  },
};

/** Limits that are counted in what happens. */
const COUNTED: Partial<Record<Limit, () => Promise<number>>> = {
  effect_attempts: async () => {
    const rig = town();
    const { beadId } = rig.run({ type: "create_bead", bead: bead("x"), assignTo: null });
    let tries = 0;
    rig.ports.notify = async () => {
      tries++;
      throw new Error("nobody is there");
    };
    rig.tell({ type: "bead.failed", beadId: beadId ?? "", reason: "1 attempts used up" });
    await rig.settled();
    await rig.advance(rig.now + 60 * MINUTE);
    expect(facts(rig, "effect.failed")).toHaveLength(1);
    return tries;
  },
  patrol_concurrency: async () => {
    let [inFlight, most] = [0, 0];
    const container = containerGateway({
      fetch: async () => {
        most = Math.max(most, ++inFlight);
        await Promise.resolve();
        inFlight--;
        // The batched list is not known to an older container: then they are asked one by one.
        return new Response("{}", { status: 404 });
      },
    });
    await container.statuses(many(20), MINUTE);
    return most;
  },
  reworks: async () => {
    const rig = town();
    const { beadId, reviewId, agentId } = await submitted(rig);
    await verdict(rig, reviewId, "conflict");
    rig.run({
      type: "done",
      agentId: beadOf(rig, beadId).context.assignee ?? agentId,
      branch: "b",
      prUrl: null,
      summary: null,
    });
    await rig.settled();
    await verdict(rig, beadOf(rig, beadId).context.reviewId ?? "", "conflict");
    expect(beadOf(rig, beadId).value).toBe("failed");
    return facts(rig, "dispatch.granted").filter(({ rework }) => rework).length;
  },
};

/** Tested by another file without their name, or by nothing, and why. */
const ELSEWHERE: Partial<Record<Limit | keyof typeof DOOR, string>> = {
  live_token_ms: "test/workers/wire.test.ts goes past it",
  requests: "test/workers/access.test.ts asks more often",
  derived_facts_per_actor: "test/unit/without-end.test.ts has a chart with a cycle",
};

test("programs are set for roles that there are, by names that a container can have, and null takes a setting back", () => {
  expect(isSetting({ runtime: null, model: null, programs: {} })).toBe(true);
  for (const wrong of [{ runtime: "" }, { runtime: "a b" }, { runtime: "../a" }, { model: "" }])
    expect([wrong, isSetting(wrong), isSetting({ programs: { polecat: wrong } })]).toEqual([wrong, false, false]);
  expect(isSetting({ programs: { plumber: { model: "m" } } })).toBe(false);
  expect(isSetting({ programs: { polecat: { modle: "m" } } })).toBe(false);
});

describe("limits", () => {
  test.each(Object.keys(SIDES) as Limit[])("%s is reached, and not passed", async (key) => {
    expect(await SIDES[key]?.(LIMITS[key])).toBe(true);
    expect(await SIDES[key]?.(LIMITS[key] + 1)).toBe(false);
  });

  test.each(Object.keys(COUNTED) as Limit[])("%s is how often it happens", async (key) => {
    expect(await COUNTED[key]?.()).toBe(LIMITS[key]);
  });

  test("each have a test that names them", () => {
    const root = path.join(import.meta.dirname, "..");
    const tests = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => /(\.test|\/cases\/[^/]+)\.ts$/.test(name))
      .map((name) => readFileSync(path.join(root, name), "utf8"))
      .join("\n");
    const known = new Set([...Object.keys(SIDES), ...Object.keys(COUNTED), ...Object.keys(ELSEWHERE)]);
    const untested = (limits: object, name: string): string[] =>
      Object.keys(limits).filter((key) => !known.has(key) && !tests.includes(`${name}.${key}`));
    expect([...untested(LIMITS, "LIMITS"), ...untested(DOOR, "DOOR")]).toEqual([]);
  });
});
