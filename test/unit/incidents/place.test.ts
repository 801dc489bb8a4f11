import { expect, test } from "vitest";
import { whyBead } from "../../../src/core/why.ts";
import { outcomeOf } from "../../../src/do/patrol.ts";
import { Setup } from "../../../src/events/place.ts";
import { gateOf } from "../../../src/machines/rig.ts";
import { bead, OPERATOR } from "../../support/node-rig.ts";
import { as, beadOf, calls, facts, HOUR, MINUTE, reviewOf, SECOND, slung, submitted, town, verdict } from "./words.ts";

const ADMIN = { ...OPERATOR, scope: "admin" } as const;

test("when what its place is made by is changed, a start that waits for it is tried again at once; another setting changes nothing", async () => {
  const rig = town();
  rig.container.onStart = async () => ({ kind: "refused", status: 422, error: "exit 7", code: "setup_failed" });
  rig.run({ type: "create_bead", bead: bead("work"), assignTo: null });
  await rig.advance(rig.now + MINUTE);
  const tried = calls(rig, "start").length;
  rig.run({ type: "set_settings", settings: { max_attempts: 7 } });
  await rig.advance(rig.now + 10 * SECOND);
  expect(calls(rig, "start").length).toBe(tried);
  rig.container.onStart = async () => ({ kind: "accepted" });
  rig.run({ type: "set_settings", settings: { setup: Setup.parse({ command: "npm ci" }) } }, ADMIN);
  await rig.advance(rig.now + 10 * SECOND);
  expect(calls(rig, "start").length).toBe(tried + 1);
  expect(rig.container.starts.at(-1)?.place?.setup?.command).toBe("npm ci");
});

test("a remote that does not answer is nobody's fault: starts wait uncharged, and a merge is asked for again however often", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  const claim = (): number => reviewOf(rig, reviewId).context.claim;
  for (let n = 0; n < 10; n++) {
    rig.run({
      type: "complete_review",
      reviewId,
      claimId: `${reviewId}:${claim()}`,
      verdict: "failed",
      permanent: false,
      passing: true,
      message: "cannot fetch: took longer than 120 s and was stopped",
      commitSha: null,
    });
    await rig.advance(rig.now + 11 * MINUTE);
  }
  expect(reviewOf(rig, reviewId).context).toMatchObject({ attempts: 0, unasked: 10, claim: 11 });
  await verdict(rig, reviewId, "merged");
  expect(beadOf(rig, beadId).value).toBe("closed");
  expect(outcomeOf("failed", "remote_unreachable: cannot fetch", 7)).toEqual({ outcome: "place", resetAt: 7 });
});

test("a start whose place is not fit waits uncharged, is told once however many wait, and goes on when it is fit again", async () => {
  const rig = town();
  const error = "the setup command ended with exit 7: npm ERR! no such package";
  rig.container.onStart = async () => ({ kind: "refused", status: 422, error, code: "setup_failed" });
  const beads = Array.from(
    { length: 4 },
    (_, i) => rig.run({ type: "create_bead", bead: bead(`work ${i}`), assignTo: null }).beadId ?? "",
  );
  await rig.advance(rig.now + HOUR);
  expect(rig.notified.map(({ title }) => title)).toEqual(["agents cannot start: their place is not fit"]);
  expect(rig.rig.world.rig.context.place).toContain("npm ERR! no such package");
  expect(gateOf(rig.rig.world.rig)).toBe("open");
  for (const id of beads) {
    expect(beadOf(rig, id).context.attempts).toBe(0);
    expect(whyBead(rig.rig.world, beadOf(rig, id))).toMatchObject({
      reason: "backing_off_until",
      sentence: expect.stringContaining("its place is not fit (setup_failed: the setup command ended with exit 7"),
    });
  }
  const tries = calls(rig, "start").length;
  expect(tries).toBeGreaterThan(8);
  expect(tries).toBeLessThan(80);
  rig.container.onStart = async () => ({ kind: "accepted" });
  await rig.advance(rig.now + 10 * MINUTE);
  expect(beads.map((id) => beadOf(rig, id).value)).toEqual(beads.map(() => "in_progress"));
  // A later episode is told again.
  expect(rig.rig.world.rig.context.place).toBe(null);
});

test("the key that seals what is left goes with a start, when the rig wants that and not before; no order to an agent's environment has it", async () => {
  const rig = town();
  const key = "5e".repeat(32);
  Object.assign(rig.ports, { sealKey: () => key });
  await slung(rig);
  expect(rig.container.starts.at(-1)).not.toHaveProperty("sealKey");
  rig.run({ type: "set_settings", settings: { leftovers_remote: true } });
  await slung(rig, "another");
  expect(rig.container.starts.at(-1)).toMatchObject({ sealKey: key, place: { leftovers_remote: true } });
  expect(Object.values(rig.container.starts.at(-1)?.envVars ?? {})).not.toContain(key);
});

test("what was left in a container whose disk does not last is told of the bead, once, with the end of the process", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const sentence = "a left 2 uncommitted files; it is lost when the container is replaced";
  const setAside = [{ ref: null, files: 2, sentence }];
  const end = {
    type: "exited",
    agentId,
    dispatchId: null,
    outcome: "evicted",
    reason: "evicted",
    resetAt: null,
  } as const;
  const who = as(rig, agentId);
  rig.run({ ...end, setAside }, who);
  rig.run({ ...end, setAside }, who);
  expect(facts(rig, "work.set_aside")).toMatchObject([
    { agentId, beadId, ref: null, files: 2, givenBack: false, why: sentence },
  ]);
});
