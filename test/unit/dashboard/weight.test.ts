import { expect, onTestFinished, test } from "vitest";
import { board, ended } from "../../../src/do/board.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { packBoard, unpackActors, unpackBoard } from "../../../src/wire/board.ts";
import { AGENTS, BEADS, manyRig, roomyRig } from "../../support/many.ts";
import { bead, type TestRig } from "../../support/node-rig.ts";

/** What a board weighs where there are many. */

const MOST_BYTES = 1_000_000;
function filled(): TestRig {
  const rig = roomyRig();
  onTestFinished(() => rig.close());
  return rig;
}

const bytesOf = (rig: TestRig): number => Buffer.byteLength(JSON.stringify({ data: packBoard(board(rig.rig)) }));

test("a board of 1,000 agents that work and 10,000 beads is less than 1 MB, before anything compresses it", async () => {
  const rig = await manyRig();
  onTestFinished(() => rig.close());
  const made = board(rig.rig);
  expect(made.actors.filter(({ kind }) => kind === "agent")).toHaveLength(AGENTS);
  expect(made.actors.filter(({ kind }) => kind === "bead")).toHaveLength(BEADS);
  expect(bytesOf(rig)).toBeLessThan(MOST_BYTES);
  const again = unpackBoard(JSON.parse(JSON.stringify(packBoard(made))));
  const rows = ({ actors }: typeof again) => actors.map((one) => JSON.stringify(one)).toSorted();
  expect(rows(again)).toEqual(rows(made));
  expect(again.content).toEqual(made.content);
  expect(again.heard).toEqual(made.heard);
}, 120_000);

test("what ended long ago is left for whoever goes as far: each page says how many are older, and none is missed or told twice", () => {
  const rig = filled();
  const made = Array.from({ length: 2_100 }, (_none, n) => {
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead(`hello ${n}`), assignTo: null });
    if (n !== 1_500) rig.run({ type: "close_bead", beadId });
    return beadId;
  });
  const { actors, older, ended: all } = board(rig.rig);
  const ids = (of: typeof actors) => of.flatMap(({ kind, id }) => (kind === "bead" ? [id] : []));
  expect(all).toBe(2_099);
  expect(ids(actors).toSorted()).toEqual(made.slice(1_099).toSorted());
  expect(older.beads).toBe(1_099);
  const next = ended(rig.rig, older.before);
  const shown = unpackActors(JSON.parse(JSON.stringify(next.actors)));
  expect(ids(shown.actors)).toEqual(made.slice(99, 1_099));
  expect(shown.content[made[99] ?? ""]?.title).toBe("hello 99");
  expect(next.older.beads).toBe(99);
  const last = ended(rig.rig, next.older.before);
  expect(ids(unpackActors(last.actors).actors)).toEqual(made.slice(0, 99));
  expect(last.older.beads).toBe(0);
  expect(unpackActors(ended(rig.rig, last.older.before).actors).actors).toEqual([]);
});

test("many long titles are cut where they are longest, so that all of them have their room; short ones never are", () => {
  const rig = filled();
  const long = "Ж".repeat(600);
  const ids = Array.from({ length: 1_000 }, (_none, n) => {
    const titled = bead(n % 2 === 0 ? long : `short ${n}`);
    return rig.run({ type: "create_bead", bead: titled, assignTo: null }).beadId ?? "";
  });
  const { content } = board(rig.rig);
  const [first = "", second = ""] = ids;
  expect(content[second]).toMatchObject({ title: "short 1" });
  expect(content[second]).not.toHaveProperty("isCut");
  expect(content[first]).toMatchObject({ title: expect.stringMatching(/^Ж{330,399}…$/), isCut: true });
  const all = Object.values(content).map(({ title: one }) => one);
  expect(Buffer.byteLength(all.join(""))).toBeLessThanOrEqual(LIMITS.board_title_bytes);
  expect(Object.values(content).filter(({ isCut }) => isCut)).toHaveLength(500);
  for (const beadId of ids.slice(0, 500)) rig.run({ type: "delete_bead", beadId });
  // Where there is room, nothing is cut.
  expect(Object.values(board(rig.rig).content).filter(({ isCut }) => isCut)).toEqual([]);
});

test("long questions and letters have so much room on it and no more; those that have none are fetched when they are opened", () => {
  const rig = filled();
  const text = "y".repeat(LIMITS.need_text_chars);
  const fit = LIMITS.board_text_chars / LIMITS.need_text_chars;
  const ids = Array.from({ length: fit + 1 }, (_none, n) => {
    const asked = { title: `${n}`, body: text, priority: "low", metadata: {}, agentId: null } as const;
    return rig.run({ type: "escalate", ...asked }).beadId ?? "";
  });
  const shown = () => ids.flatMap((id, n) => (board(rig.rig).content[id]?.body === text ? [n] : []));
  expect(shown()).toEqual(Array.from({ length: fit }, (_none, n) => n));
  // Who has been answered makes room.
  rig.run({ type: "close_bead", beadId: ids[0] ?? "" });
  expect(shown()).toEqual(Array.from({ length: fit }, (_none, n) => n + 1));
});
