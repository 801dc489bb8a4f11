import { agentCaller } from "../../support/callers.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { archive, archivedThrough, replayFromArchive, stateAsOf } from "../../../src/do/archive.ts";
import { actorLine, entryLine, headerLine, replayFile } from "../../../src/core/journal-file.ts";
import { readJournal, storedActors } from "../../../src/do/store.ts";
import { bead, testRig, type TestRig } from "../../support/node-rig.ts";

/** A rig's past leaves for a bucket; what stays and what left are still one journal. */

let town: TestRig;
let files: Map<string, string>;
const bucket = {
  put: async (key: string, body: string) => void files.set(key, body),
  delete: async (keys: string[]) => void keys.forEach((key) => files.delete(key)),
};

beforeEach(() => {
  town = testRig();
  files = new Map();
});
afterEach(() => town.close());

/** One bead from sling to merge. Answers with its id. */
async function live(title: string): Promise<string> {
  town.now += 60_000;
  const { beadId = "", agentId = "" } = town.run({ type: "sling", bead: bead(title) });
  await town.settled();
  const dispatchId = `${agentId}:${town.rig.world.agents.get(agentId)?.context.dispatchN}`;
  town.run({ type: "checkpoint", agentId, data: { title } }, agentCaller(agentId, dispatchId));
  town.run({ type: "send_mail", from: "operator", to: agentId, subject: "hello", body: title });
  town.run({ type: "read_mail", agentId, mailIds: [`mail-${mails}`] });
  mails++;
  town.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, agentCaller(agentId, dispatchId));
  await town.settled();
  const merge = town.container.merges.at(-1);
  town.run({
    type: "complete_review",
    reviewId: merge?.entryId ?? "",
    claimId: merge?.dispatchId ?? null,
    verdict: "merged",
    permanent: false,
    message: "",
    commitSha: "abc",
  });
  return beadId;
}
let mails = 1;

async function archiveAll(options: { keep: number; segment: number }): Promise<number> {
  for (let n = 0; ; n++) if ((await archive(town.rig, bucket, "rig1", options)) === null) return n;
}

const facts = () => readJournal(town.ports.sql, 0, 100_000).length;

describe("the archive", () => {
  test("leaves past states to be shown as far back as the rig still reaches", async () => {
    for (let i = 0; i < 8; i++) await live(`work ${i}`);
    const { seq } = town.rig.world;
    const before = JSON.stringify(
      stateAsOf(town.rig, seq - 5)?.actors.filter(({ kind }) => kind === "agent" || kind === "rig"),
    );
    await archiveAll({ keep: 30, segment: 20 });
    const left = archivedThrough(town.ports.sql);
    expect(left).toBeGreaterThan(0);
    expect(
      JSON.stringify(stateAsOf(town.rig, seq - 5)?.actors.filter(({ kind }) => kind === "agent" || kind === "rig")),
    ).toBe(before);
    expect(stateAsOf(town.rig, left)).toBe(null);
    expect(stateAsOf(town.rig, seq + 1)).toBe(null);
  });

  test("takes whole commits, oldest first, and leaves the newest facts", async () => {
    for (let i = 0; i < 10; i++) await live(`work ${i}`);
    const before = facts();
    expect(await archiveAll({ keep: 40, segment: 20 })).toBeGreaterThan(2);
    const left = facts();
    expect(left).toBeGreaterThanOrEqual(40);
    expect(left).toBeLessThan(70);
    expect(archivedThrough(town.ports.sql)).toBe(before - left);
    const first = readJournal(town.ports.sql, 0, 1)[0];
    expect(first?.batch).toBe(first?.fact.seq);
  });

  test("what is left replays from its base, and the rig works on", async () => {
    const ended = await live("to be deleted later");
    for (let i = 0; i < 5; i++) await live(`work ${i}`);
    town.run({ type: "create_bead", bead: bead("open all the time", { deferUntil: town.now + 1e9 }), assignTo: null });
    await archiveAll({ keep: 30, segment: 20 });
    expect(replayFromArchive(town.rig)).toMatchObject({ divergence: null });
    town.reopen();
    await live("after the archive");
    town.run({ type: "delete_bead", beadId: ended });
    expect(replayFromArchive(town.rig)).toMatchObject({ divergence: null, facts: facts() });
    await archiveAll({ keep: 10, segment: 10 });
    expect(replayFromArchive(town.rig)).toMatchObject({ divergence: null, facts: facts() });
    town.reopen();
    expect(town.rig.world.seq).toBe(archivedThrough(town.ports.sql) + facts());
  });

  test("a row that was changed since is found by that replay", async () => {
    for (let i = 0; i < 6; i++) await live(`work ${i}`);
    await archiveAll({ keep: 30, segment: 20 });
    const [agent] = town.rig.world.agents.keys();
    town.ports.sql.exec(
      "UPDATE actors SET context = replace(context, '\"attempts\":0', '\"attempts\":3') WHERE kind = 'agent' AND id = ?",
      agent ?? "",
    );
    expect(replayFromArchive(town.rig).divergence?.expected).toContain('"attempts":3');
  });

  test("the segments and an export are together the whole journal", async () => {
    for (let i = 0; i < 8; i++) await live(`work ${i}`);
    const before = facts();
    await archiveAll({ keep: 30, segment: 20 });
    const segments = [...files.keys()].sort().flatMap((key) => (files.get(key) ?? "").trimEnd().split("\n"));
    const rest = [
      ...readJournal(town.ports.sql, 0, 100_000).map(entryLine),
      ...Array.from(storedActors(town.ports.sql), actorLine),
    ];
    expect(segments[0]).toBe(headerLine("rig1"));
    expect(await replayFile([...segments, ...rest])).toMatchObject({ facts: before, divergence: null });
  });

  test("delivered mail goes with its facts, undelivered mail stays", async () => {
    for (let i = 0; i < 4; i++) await live(`work ${i}`);
    const [agent = ""] = town.rig.world.agents.keys();
    town.run({ type: "send_mail", from: "operator", to: agent, subject: "unread", body: "" });
    for (let i = 0; i < 4; i++) await live(`more ${i}`);
    await archiveAll({ keep: 10, segment: 10 });
    const mail = town.ports.sql
      .exec<{ subject: string; delivered_at: number | null; seq: number }>(
        "SELECT subject, delivered_at, seq FROM mail",
      )
      .toArray();
    expect(mail.some(({ subject }) => subject === "unread")).toBe(true);
    expect(
      mail.filter(({ delivered_at, seq }) => delivered_at !== null && seq <= archivedThrough(town.ports.sql)),
    ).toEqual([]);
  });

  test("a rig that was deleted while a segment was on its way leaves no segment", async () => {
    for (let i = 0; i < 8; i++) await live(`work ${i}`);
    const slow = {
      ...bucket,
      put: async (key: string, body: string) => {
        await bucket.put(key, body);
        town.run({ type: "destroy" });
      },
    };
    expect(await archive(town.rig, slow, "rig1", { keep: 10, segment: 10 })).toBe(null);
    expect(files.size).toBe(0);
  });

  test("a bucket that fails, and a journal that does not replay, lose nothing", async () => {
    for (let i = 0; i < 4; i++) await live(`work ${i}`);
    const before = facts();
    const broken = { ...bucket, put: () => Promise.reject(new Error("the bucket is full")) };
    await expect(archive(town.rig, broken, "rig1", { keep: 10, segment: 10 })).rejects.toThrow("the bucket is full");
    town.ports.sql.exec("DROP TRIGGER journal_is_append_only");
    const derived =
      readJournal(town.ports.sql, 0, 100).find((entry) => entry.fact.type === "dispatch.granted")?.fact.seq ?? 0;
    town.ports.sql.exec("UPDATE journal SET body = replace(body, ':1', ':2') WHERE seq = ?", derived);
    await expect(archive(town.rig, bucket, "rig1", { keep: 10, segment: 10 })).rejects.toThrow(
      `diverges at seq ${derived}`,
    );
    expect(facts()).toBe(before);
    expect(archivedThrough(town.ports.sql)).toBe(0);
  });
});
