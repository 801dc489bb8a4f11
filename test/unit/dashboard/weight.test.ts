import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { board } from "../../../src/do/board.ts";
import { bead, testRig } from "../../support/node-rig.ts";

/** What a board weighs where there are many: a tenth of 1,000 agents and 10,000 beads, and of what they may weigh on the wire. */

const AGENTS = 100;
const BEADS = 1_000;
const MOST_BYTES = 1_000_000 / 10;

test("a board of 1,000 agents and 10,000 beads is less than 1 MB on the wire", () => {
  const rig = testRig();
  onTestFinished(() => rig.close());
  // Names as they are: a number in a row packs better than it does in life.
  rig.rig.ports.newId = (kind) => `${kind}-${randomUUID()}`;
  rig.run({ type: "set_settings", settings: { capacity: AGENTS } });
  for (let n = 0; n < AGENTS; n++) rig.run({ type: "sling", bead: bead(`Throw, trim and glaze bowl ${n}`) });
  for (let n = AGENTS; n < BEADS; n++)
    rig.run({ type: "create_bead", bead: bead(`Fire shelf ${n} of the kiln`), assignTo: null });
  const made = board(rig.rig);
  expect(made.actors.filter(({ kind }) => kind === "agent")).toHaveLength(AGENTS);
  expect(made.actors.filter(({ kind }) => kind === "bead")).toHaveLength(BEADS);
  expect(gzipSync(JSON.stringify(made)).length).toBeLessThan(MOST_BYTES);
});
