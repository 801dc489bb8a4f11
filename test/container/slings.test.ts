import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { LIMITS } from "../../src/events/limits.ts";
import { DEFAULT_PLACE } from "../../src/events/place.ts";
import { agentOf, beadOf, DAY, MINUTE, SECOND, slung } from "../unit/incidents/words.ts";
import { joined } from "./joined.ts";
import { createOrigin, eventually, git, storeOf } from "./world.ts";

/** One clone, or one merge after the others, on a machine that does other things too. */
const SLOW_MS = 60_000;

const WORK = "echo work > $GASTOWN_AGENT_ID.txt; git add --all; git commit --quiet -m work";

test(
  "forty slings, all merged: a deleted agent's disk is given back within the hour, clones and refs after keep_days, and with the rig all of it",
  async () => {
    const { url } = createOrigin();
    const { rig, control, handedIn, until, destroy } = await joined(url, WORK);
    rig.run({ type: "set_settings", settings: { capacity: 40 } });
    const made = await Promise.all(Array.from({ length: 40 }, (_, n) => slung(rig, `work ${n}`)));
    for (const { agentId } of made) await until("it has ended", () => agentOf(rig, agentId).matches("exited"), SLOW_MS);
    await handedIn(...made.map(({ agentId }) => agentId));
    for (const { beadId } of made) await until("it is merged", () => beadOf(rig, beadId).value === "closed", SLOW_MS);
    expect(git(url, "rev-list", "--merges", "--count", "main")).toBe("40");

    const agents = path.join(control.workDir, "rigs/rig1/agents");
    const kept = (): string[] => (existsSync(agents) ? readdirSync(agents) : []);
    const refs = (): string[] =>
      git(storeOf(control.workDir), "for-each-ref", "--format=%(refname)", "refs/ticktown").split("\n").filter(Boolean);
    expect(kept()).toHaveLength(40);
    expect(refs().filter((ref) => /\/handed-in\/(?!.*\/box-)/.test(ref))).toHaveLength(40);
    for (const { agentId } of made.slice(0, 10)) rig.run({ type: "delete_agent", agentId });
    await rig.advance(rig.now + LIMITS.tidy_ms + 10 * MINUTE);
    await eventually("the deleted agents' clones are gone", () => kept().length === 30, SLOW_MS);
    expect(refs().filter((ref) => /\/handed-in\/(?!.*\/box-)/.test(ref))).toHaveLength(40);

    await rig.advance(rig.now + DEFAULT_PLACE.keep_days * DAY - 2 * LIMITS.tidy_ms);
    expect(kept()).toHaveLength(30);
    await rig.advance(rig.now + 2 * LIMITS.tidy_ms + SECOND);
    await eventually("clones and refs are gone", () => kept().length === 0 && refs().length === 0, SLOW_MS);
    expect(rig.rig.tidying.disk?.rig_bytes).toBeGreaterThan(0);
    expect(git(url, "branch", "--list")).toBe("* main");

    await destroy();
    await eventually("the rig's folder is gone", () => !existsSync(path.join(control.workDir, "rigs/rig1")));
  },
  10 * SLOW_MS,
);
