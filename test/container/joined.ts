/**
 * A whole rig and a real control server, joined: the rig's own code with a clock that the test drives, real git, real
 * processes, and reports that come back by HTTP. What is not there is the Worker between them.
 */
import { keepAttempt } from "../../src/do/attempts.ts";
import { CompletedReport } from "../../src/wire/container.ts";
import { forget } from "../../src/do/tidy.ts";
import type { AgentCaller, Caller } from "../../src/core/decide/index.ts";
import { TrainReport } from "../../src/wire/train.ts";
import { containerGateway } from "../../src/do/gateway.ts";
import type { TestRig } from "../support/node-rig.ts";
import { containerOf } from "../unit/incidents/train-words.ts";
import { as, beadOf, found, slung, town } from "../unit/incidents/words.ts";
import { type Control, CONTROL_TOKEN, createFakeRig, eventually, type Recorded, startControl } from "./world.ts";

export interface Joined {
  readonly rig: TestRig;
  readonly control: Control;
  /** Slings one bead and waits until its agent's process has ended and was reported. */
  worked(title: string): Promise<{ beadId: string; agentId: string }>;
  /** Says that each of them is done, and waits until the container has looked at it. */
  handedIn(...agentIds: string[]): Promise<void>;
  /** Waits until it is so, with the outbox at rest. */
  until(what: string, isSo: () => boolean, timeout_ms?: number): Promise<void>;
  /** As the rig's object does at its end. */
  destroy(): Promise<void>;
}

/**
 * @param script what every agent runs in its clone
 * @param env more of the control server's environment
 * @param from how the rig is made; left out, it is a new one with that repository
 */
export async function joined(
  gitUrl: string,
  script: string,
  env: Record<string, string> = {},
  from?: (rig: TestRig) => Promise<void>,
): Promise<Joined> {
  const reports = await createFakeRig();
  const rig = town({ configured: false });
  const control = await startControl({ GASTOWN_API_URL: reports.url, ...env }, { now: () => rig.now });
  const gateway = containerGateway(
    {
      fetch: (url, init) => fetch(url.replace("http://container", control.url), init),
    },
    { authorization: `Bearer ${CONTROL_TOKEN}` },
  );
  rig.ports.container = () => gateway;
  rig.ports.agentEnvironment = async () => ({
    GASTOWN_API_URL: reports.url,
    GASTOWN_SESSION_TOKEN: "session-token-1",
    TEST_SCRIPT: script,
  });
  reports.answer = (report) => {
    told(rig, report);
    return { status: 200 };
  };
  if (from !== undefined) await from(rig);
  else
    rig.run({
      type: "configure",
      rigId: "rig1",
      townId: "town1",
      userId: "user1",
      name: "rig",
      gitUrl,
      defaultBranch: "main",
    });
  const until = async (what: string, isSo: () => boolean, timeout_ms?: number): Promise<void> => {
    await eventually(what, isSo, timeout_ms);
    await rig.settled();
  };
  return {
    rig,
    control,
    until,
    worked: async (title) => {
      const made = await slung(rig, title);
      await until(`${title} has ended`, () => rig.rig.world.agents.get(made.agentId)?.matches("exited") === true);
      return made;
    },
    handedIn: async (...agentIds) => {
      for (const agentId of agentIds) {
        const hook = rig.rig.world.agents.get(agentId)?.context.hook ?? "";
        const branch = found(beadOf(rig, hook).context.branch, "branch");
        rig.run({ type: "done", agentId, branch, prUrl: null, summary: null }, speaking(rig, agentId));
      }
      await rig.settled();
    },
    destroy: async () => {
      rig.run({ type: "destroy" });
      await rig.settled();
      await forget(rig.rig);
    },
  };
}

/** By the token of its newest dispatch, which was made just now. */
const speaking = (rig: TestRig, agentId: string): Caller => ({ ...(as(rig, agentId) as AgentCaller), madeAt: rig.now });

/** A report of the control server, as the Worker takes it. */
function told(rig: TestRig, { path, body }: Recorded): void {
  const [, kind, id = "", what] = /^\/api\/rigs\/rig1\/(agents|review-queue|trains)\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  if (kind === "trains" && what === "complete") {
    const report = TrainReport.parse(body);
    rig.run({ type: "complete_train", trainId: report.trainId, report }, containerOf(report.trainId));
  }
  if (kind === "agents" && what === "completed") {
    const report = CompletedReport.parse(body);
    const dispatchId = report.dispatch_id ?? "";
    rig.run({
      type: "exited",
      agentId: id,
      dispatchId,
      outcome: report.status,
      reason: String(report.reason),
      resetAt: null,
    });
    const { status, reason = null, tail, bead_id: beadId } = report;
    keepAttempt(rig.rig, { agentId: id, dispatchId, beadId, status, reason, tail });
  }
  if (kind === "agents" && what === "done")
    rig.run(
      { type: "done", agentId: id, branch: String(body["branch"]), prUrl: null, summary: null },
      speaking(rig, id),
    );
  if (kind === "review-queue" && what === "complete")
    rig.run({
      type: "complete_review",
      reviewId: id,
      claimId: String(body["dispatch_id"]),
      verdict: body["status"] as "merged" | "conflict" | "failed",
      permanent: false,
      message: String(body["message"]),
      commitSha: typeof body["commit_sha"] === "string" ? body["commit_sha"] : null,
    });
}
