import { createHash } from "node:crypto";
import type { TrainReport } from "../../src/core/train/report.ts";
import type { TrainMember, TrainRequest, TrainState } from "../../src/wire/train.ts";
import type { Random } from "./random.ts";
import type { Simulation } from "./requests.ts";
import type { SimRig } from "./stage.ts";

/** A town that runs trains: an honest gate on what is good and bad, others who push too, and everything that stops a push. */

/** What a rig's target is: who is on it, and whether its tree is good. */
export interface Target {
  n: number;
  isGood: boolean;
  /** Nothing can be pushed until then, ms: somebody has protected it. */
  protectedUntil: number;
  /** Of nobody's receipt: pushed by others. */
  foreign: number;
  /** What trains have pushed, and of which of them the journal has a receipt. */
  readonly pushed: Set<string>;
  readonly covered: Set<string>;
  /** As the container has written them down: by train, until the rig was told. */
  readonly untold: Map<string, TrainReport & { readonly pushed: NonNullable<TrainReport["pushed"]> }>;
}

export interface Trains {
  train(rig: SimRig, order: TrainRequest): { kind: "accepted" } | { kind: "refused"; status: number; error: string };
  trainState(trainId: string): TrainState | null;
  /** What ran died with the control server; what it had pushed is on the target. */
  forgetTrains(): void;
}

const sha = (text: string): string => createHash("sha1").update(text).digest("hex");
const commitOf = (rig: SimRig): string => sha(`${rig.id} target ${rig.repository.target.n}`);

/** Whether a review breaks the tree it is on: the same for every run of it, and another matter after a rework. */
const isBad = (sim: Simulation, { entryId }: TrainMember): boolean =>
  sim.has("merge") && sim.random(`bad:${entryId}`).chance(0.15);

const isFlaky = (sim: Simulation, { entryId }: TrainMember): boolean =>
  sim.has("merge") && sim.random(`flaky:${entryId}`).chance(0.1);

const check = (verdict: "green" | "red") => ({
  name: "test",
  commandDigest: sha("npm test"),
  verdict,
  why: verdict === "red" ? ("exit" as const) : null,
  exit: verdict === "red" ? 1 : 0,
  ms: 1_000,
  outputDigest: sha(verdict),
  words: verdict === "red" ? "1 test failed" : "",
});

export function trainsOf(sim: Simulation, luck: Random): Trains {
  const { queue } = sim;
  const trains = new Map<string, { state: TrainState; rig: SimRig }>();

  /** Others push now and then; what breaks the target is mended by the next of them. */
  const othersPush = ({ repository: { target } }: SimRig): void => {
    if (!target.isGood && (!sim.has("merge") || luck.chance(0.4))) {
      Object.assign(target, { n: target.n + 1, isGood: true, foreign: target.foreign + 1 });
      return;
    }
    if (!sim.has("merge") || !luck.chance(0.06)) return;
    Object.assign(target, { n: target.n + 1, isGood: luck.chance(0.6), foreign: target.foreign + 1 });
  };

  const leave = (rig: SimRig, member: TrainMember): TrainReport["left"][number] | null => {
    const of = { entryId: member.entryId, message: "", commit: null, tree: null, files: [] };
    if (rig.repository.merged.has(member.branch)) return { ...of, why: "contained", commit: commitOf(rig) };
    if (!sim.has("merge")) return null;
    const fate = sim.random(`leaves:${member.entryId}`).weighted({ no: 90, conflict: 6, protected: 3, missing: 1 });
    if (fate === "conflict") return { ...of, why: "conflict", message: "CONFLICT in a.txt", files: ["a.txt"] };
    if (fate === "missing") return { ...of, why: "missing" };
    const tree = sha(`tree of ${member.entryId}`);
    return fate === "protected" && member.approvedTree !== tree
      ? { ...of, why: "protected", tree, files: [".ticktown/checks.json"] }
      : null;
  };

  const run = (rig: SimRig, order: TrainRequest): TrainReport => {
    othersPush(rig);
    const { target } = rig.repository;
    if (sim.has("merge") && luck.chance(0.02)) target.protectedUntil = queue.now + luck.around(3_600_000);
    const own = target.untold.get(order.trainId);
    const earlier = [...target.untold].flatMap(([trainId, { pushed }]) =>
      trainId === order.trainId ? [] : [{ trainId, pushed }],
    );
    if (own !== undefined) return { ...own, earlier };
    const from = commitOf(rig);
    const nothing: TrainReport = { target: from, left: [], runs: [], pushed: null, earlier, stopped: null };
    if (sim.has("merge") && luck.chance(0.05))
      return {
        ...nothing,
        target: null,
        earlier: [],
        stopped: { class: "passing", code: "remote_unreachable", words: "no route" },
      };
    const left = order.members.map((member) => leave(rig, member)).filter((out) => out !== null);
    const off = new Set(left.map(({ entryId }) => entryId));
    const isGreen = (on: readonly TrainMember[]): boolean =>
      target.isGood &&
      !on.some((member) => isBad(sim, member)) &&
      !on.some((member) => isFlaky(sim, member) && luck.chance(0.3));
    const stackOf = (upTo: number): TrainMember[] =>
      order.members.slice(0, upTo).filter(({ entryId }) => !off.has(entryId));
    const runs = [
      ...order.gates.map((upTo) => ({ upTo: upTo as number | null, on: stackOf(upTo) })),
      ...(order.again === null ? [] : [{ upTo: null, on: [order.again] }]),
    ].map(({ upTo, on }) => {
      const verdict = isGreen(on) ? ("green" as const) : ("red" as const);
      return { upTo, verdict, checks: [check(verdict)] };
    });
    const best = Math.max(0, ...runs.filter(({ verdict }) => verdict === "green").map(({ upTo }) => upTo ?? 0));
    const on = stackOf(best);
    if (on.length === 0) return { ...nothing, left, runs };
    if (target.protectedUntil > queue.now)
      return { ...nothing, left, runs, stopped: { class: "place", code: "protected_branch", words: "GH006" } };
    const pushed = push(rig, on, from);
    const report = { ...nothing, left, runs, pushed };
    target.untold.set(order.trainId, report);
    return report;
  };

  const push = (rig: SimRig, on: readonly TrainMember[], from: string): NonNullable<TrainReport["pushed"]> => {
    const { target, merged } = rig.repository;
    const isGood = target.isGood && !on.some((member) => isBad(sim, member));
    if (!isGood)
      sim.broken(rig, "target_is_green", `a push made the target red: ${on.map((m) => m.entryId).join(", ")}`);
    for (const { branch, entryId } of on) {
      if (merged.has(branch)) sim.broken(rig, "merged_once", `${entryId} (${branch}) got onto the target twice`);
      merged.add(branch);
    }
    Object.assign(target, { n: target.n + 1, isGood });
    const to = commitOf(rig);
    target.pushed.add(to);
    sim.counts.pushes++;
    return {
      from,
      to,
      tree: sha(`tree ${to}`),
      members: on.map(({ entryId, beadId, commit = sha(entryId) }) => ({
        entryId,
        beadId,
        handedIn: commit,
        commit: sha(`${to} ${entryId}`),
      })),
      checks: [check("green")],
      boxed: true,
    };
  };

  const tell = (rig: SimRig, trainId: string, report: TrainReport): void => {
    for (const told of [trainId, ...(report.earlier ?? []).map((one) => one.trainId)])
      rig.repository.target.untold.delete(told);
    sim.callback(
      rig,
      { type: "complete_train", trainId, report },
      { kind: "container", id: "container", dispatchId: trainId, reviewId: "", trainId },
      "kept",
      `train ${trainId}: ${report.pushed?.members.length ?? 0} pushed, ${report.stopped?.code ?? "not stopped"}`,
    );
  };

  return {
    train(rig, order) {
      const { trainId } = order;
      const known = trains.get(trainId);
      if (known !== undefined) {
        if (known.state.report !== null) tell(rig, trainId, known.state.report);
        return { kind: "accepted" };
      }
      const fate = sim.has("merge") ? luck.weighted({ runs: 90, refused: 3, silent: 7 }) : "runs";
      if (fate === "refused") return { kind: "refused", status: 422, error: "not now" };
      const state: TrainState = { trainId, state: "running", step: "checks", report: null };
      const mine = { state, rig };
      trains.set(trainId, mine);
      queue.after(luck.around(90_000), () => {
        if (trains.get(trainId) !== mine) return;
        const report = run(rig, order);
        mine.state = { ...state, state: "finished", report: { ...report, trainId } as unknown as TrainState["report"] };
        // It dies with the push behind it and the report before it.
        if (fate !== "silent") tell(rig, trainId, report);
      });
      return { kind: "accepted" };
    },
    trainState: (trainId) => trains.get(trainId)?.state ?? null,
    forgetTrains: () => trains.clear(),
  };
}
