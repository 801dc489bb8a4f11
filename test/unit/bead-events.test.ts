import { expect, test } from "vitest";
import { beadEvents } from "../../src/do/bead-events.ts";
import { stateAsOf } from "../../src/do/archive.ts";
import type { Sql } from "../../src/do/ports.ts";
import { firstSeqAfter } from "../../src/do/store.ts";
import { bead } from "../support/node-rig.ts";
import { as, done, exits, MINUTE, slung, submitted, town, verdict } from "./incidents/words.ts";

/** A bead's timeline, as others read it from the journal. */

const LIFE = ["created", "hooked", "agent_spawned", "review_submitted", "review_completed"];

test("a bead's life is told in its order, from its creation to its merge", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  await verdict(rig, reviewId, "merged");
  const events = beadEvents(rig.rig, { beadId, limit: 100 });
  expect(events.map(({ event_type }) => event_type)).toEqual(LIFE);
  expect(events.at(-1)).toMatchObject({
    event_type: "review_completed",
    new_value: "closed",
    metadata: { status: "merged", commit_sha: "abc123" },
  });
});

test("an event's old value is what the bead was, wherever that is known, and what is submitted is named by its branch", async () => {
  const rig = town();
  const told = (beadId: string) =>
    beadEvents(rig.rig, { beadId, limit: 100 })
      .filter(
        ({ event_type }) => !["created", "hooked", "unhooked", "agent_spawned", "agent_exited"].includes(event_type),
      )
      .map(({ event_type, old_value, new_value }) => [event_type, old_value, new_value]);
  const merged = await submitted(rig, "one", "feature/one");
  await verdict(rig, merged.reviewId, "merged");
  expect(told(merged.beadId)).toEqual([
    ["review_submitted", "in_progress", "feature/one"],
    ["review_completed", "in_review", "closed"],
  ]);
  rig.run({ type: "pause" });
  const make = (): string => rig.run({ type: "create_bead", bead: bead("by hand"), assignTo: null }).beadId ?? "";
  const [closed, cancelled, set] = [make(), make(), make()];
  rig.run({ type: "set_bead_status", beadId: closed, status: "in_progress" });
  rig.run({ type: "close_bead", beadId: closed });
  rig.run({ type: "cancel_bead", beadId: cancelled });
  rig.run({ type: "retry_bead", beadId: cancelled });
  rig.run({ type: "set_bead_status", beadId: set, status: "failed" });
  expect(told(closed)).toEqual([
    ["status_changed", "open", "in_progress"],
    ["closed", "in_progress", "closed"],
  ]);
  expect(told(cancelled)).toEqual([
    ["status_changed", "open", "failed"],
    ["status_changed", "failed", "open"],
  ]);
  expect(told(set)).toEqual([["status_changed", "open", "failed"]]);
  rig.run({ type: "resume" });
  rig.run({ type: "set_settings", settings: { max_attempts: 1 } });
  const { beadId, agentId } = await slung(rig, "crashes");
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect(told(beadId)).toEqual([["status_changed", "in_progress", "failed"]]);
});

test("a page is full as long as there is more, whatever lies between the events", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  for (let i = 0; i < 50; i++) rig.run({ type: "checkpoint", agentId, data: { i } }, as(rig, agentId));
  await done(rig, agentId, "feature/x");
  expect(beadEvents(rig.rig, { limit: 4 })).toHaveLength(4);
  expect(beadEvents(rig.rig, { limit: 4 }).map(({ event_type }) => event_type)).toEqual([
    "created",
    "hooked",
    "agent_spawned",
    "review_submitted",
  ]);
});

test("since a time means later than it, and the rows before it are not read", async () => {
  const rig = town();
  for (let i = 0; i < 40; i++) {
    rig.now += MINUTE;
    await slung(rig, `work ${i}`);
  }
  const all = beadEvents(rig.rig, { limit: 1_000 });
  const last = Date.parse(all.at(-1)?.created_at ?? "");
  expect(beadEvents(rig.rig, { since: last, limit: 1_000 })).toEqual([]);
  expect(beadEvents(rig.rig, { since: last - 1, limit: 1_000 })).toEqual(
    all.filter(({ created_at }) => Date.parse(created_at) === last),
  );
  expect(beadEvents(rig.rig, { since: 0, limit: 1_000 })).toEqual(all);
  let asked = 0;
  const sql: Sql = { exec: (query, ...values) => (asked++, rig.ports.sql.exec(query, ...values)) as never };
  firstSeqAfter(sql, last - 1);
  expect(asked).toBeLessThan(12);
});

test("before its first fact a rig has no state, and of a journal without facts nothing is later", () => {
  const rig = town({ configured: false });
  expect(firstSeqAfter(rig.ports.sql, 0)).toBe(1);
  expect(stateAsOf(rig.rig, 0)).toMatchObject({ seq: 0, actors: [{ kind: "rig" }] });
  rig.run({ type: "pause" });
  expect(stateAsOf(rig.rig, 0)).toMatchObject({ seq: 0 });
});
