import type { BeadInput, Command } from "../../src/core/decide/index.ts";
import { isReady } from "../../src/core/world.ts";
import type { Random } from "./random.ts";
import type { Simulation } from "./requests.ts";
import type { SimRig } from "./stage.ts";

/** People: who brings work, who meddles, and who answers. */

const bead = (title: string, more: Partial<BeadInput> = {}): BeadInput => ({
  type: "issue",
  title,
  body: null,
  priority: "medium",
  labels: [],
  metadata: {},
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
  ...more,
});
const PRIORITIES = ["low", "medium", "high", "critical"] as const;

/** Work arrives all day; some of it in chains. */
export function bringWork(sim: Simulation, rig: SimRig): void {
  const random = sim.random(`work:${rig.id}`);
  const next = (): void => {
    sim.queue.after(random.around(sim.options.work_ms ?? 1_200_000), () => {
      if (sim.healed) return;
      const priority = random.pick(PRIORITIES);
      switch (random.weighted({ sling: 6, create: 3, chain: 2, defer: 1 })) {
        case "sling":
          sim.request(rig, { type: "sling", bead: bead("slung", { priority }) });
          break;
        case "create":
          sim.request(rig, { type: "create_bead", bead: bead("created", { priority }), assignTo: null });
          break;
        case "defer":
          sim.request(rig, {
            type: "create_bead",
            bead: bead("later", { priority, deferUntil: rig.now() + random.around(3_600_000) }),
            assignTo: null,
          });
          break;
        case "chain": {
          const known =
            sim.peek(rig, (world) =>
              [...world.beads.values()].filter((b) => b.context.type === "issue").map((b) => b.context.id),
            ) ?? [];
          // Some blockers are closed or failed already.
          known.push(...[...rig.ended.keys()].slice(-3));
          const blockedBy = known.length === 0 ? [] : [random.pick(known), random.pick(known)];
          sim.request(rig, { type: "create_bead", bead: bead("after those", { priority, blockedBy }), assignTo: null });
        }
      }
      next();
    });
  };
  next();
}

/** Everything an operator may do, at odd moments. */
export function meddle(sim: Simulation, rig: SimRig): void {
  const random = sim.random(`operator:${rig.id}`);
  const next = (): void => {
    sim.queue.after(random.around(900_000), () => {
      if (sim.healed) return;
      const command = odd(sim, rig, random);
      if (command !== null) {
        sim.request(rig, command);
        // A double click.
        if (random.chance(0.1)) sim.request(rig, command);
      }
      next();
    });
  };
  next();
}

function odd(sim: Simulation, rig: SimRig, random: Random): Command | null {
  const {
    agents = [],
    beads = [],
    reviews = [],
  } = sim.peek(rig, (world) => ({
    agents: [...world.agents.keys()],
    beads: [...world.beads.keys()],
    reviews: [...world.reviews.keys()],
  })) ?? {};
  const anyAgent = agents.length === 0 ? "agent-none" : random.pick(agents);
  const over = [...rig.ended.keys()];
  const anyBead =
    over.length > 0 && random.chance(0.2) ? random.pick(over) : beads.length === 0 ? "bead-none" : random.pick(beads);
  const what = random.weighted({
    pause: 2,
    resume: 5,
    drain: 1,
    cancel: 2,
    close: 1,
    delete_bead: 2,
    delete_agent: 2,
    hook: 4,
    unhook: 3,
    answer: 6,
    settings: 3,
    status: 2,
    tick: 3,
    register: 2,
    message_bead: 1,
    escalate: 1,
    mail: 2,
    assigned: 2,
    create_agent: 1,
    submit: 1,
    verdict: 1,
    health: 2,
    ...(sim.options.trains === true
      ? {
          hold: 2,
          release: 2,
          jump: 2,
          remove: 1,
          approve: 3,
          resume_queue: 2,
          retry: 3,
          retry_many: 1,
          revert: 1,
          gate: 2,
        }
      : {}),
  });
  switch (what) {
    case "pause":
      sim.queue.after(random.around(1_200_000), () => sim.request(rig, { type: "resume" }));
      return { type: "pause" };
    case "resume":
      return { type: "resume" };
    case "drain":
      sim.queue.after(random.around(1_200_000), () => sim.request(rig, { type: "resume" }));
      return { type: "drain" };
    case "cancel":
      return { type: "cancel_bead", beadId: anyBead };
    case "close":
      return { type: "close_bead", beadId: anyBead };
    case "delete_bead":
      return { type: "delete_bead", beadId: anyBead };
    case "delete_agent":
      return { type: "delete_agent", agentId: anyAgent };
    case "hook":
      return { type: "hook", agentId: anyAgent, beadId: anyBead };
    case "unhook":
      return { type: "unhook", agentId: anyAgent };
    case "answer":
      return { type: "answer", agentId: anyAgent, answer: "that way" };
    case "settings":
      return {
        type: "set_settings",
        settings: random.pick([
          { capacity: random.chance(0.3) ? random.between(12, 40) : random.between(0, 12) },
          { max_attempts: random.between(1, 6) },
          { start_lease_ms: random.between(20_000, 300_000) },
          { breaker_failures: random.between(1, 12), breaker_cooldown_ms: random.between(0, 600_000) },
          { backoff_base_ms: random.between(0, 60_000), backoff_max_ms: random.between(1_000, 900_000) },
          { heartbeat_lost_ms: random.between(10_000, 120_000) },
          { gupp_check_ms: 600_000, gupp_escalate_ms: 900_000, gupp_restart_ms: 1_200_000 },
          { cadence_active_ms: random.between(5_000, 60_000) },
          { review_lease_ms: random.between(60_000, 1_800_000), review_max_attempts: random.between(1, 5) },
          { start_timeout_ms: random.between(1_000, 60_000), effect_timeout_ms: random.between(1_000, 20_000) },
          { arm_delay_ms: random.between(0, 20_000) },
        ]),
      };
    case "status":
      return {
        type: "set_bead_status",
        beadId: anyBead,
        status: random.pick(["open", "in_progress", "in_review", "closed", "failed"] as const),
      };
    case "tick":
      sim.tickNow(rig);
      return null;
    case "health":
      sim.poke(rig);
      return null;
    case "register": {
      const name = `extra-${random.between(0, 50)}`;
      return {
        type: "register_agent",
        role: random.pick(["polecat", "polecat", "refinery", "mayor", "witness"] as const),
        name,
        identity: `rig/x/${name}`,
      };
    }
    case "create_agent":
      return { type: "get_or_create_agent", role: random.pick(["polecat", "refinery", "mayor"] as const) };
    case "message_bead":
      return {
        type: "create_bead",
        bead: bead("a note", { type: random.pick(["message", "escalation", "merge_request"] as const) }),
        assignTo: random.chance(0.3) ? anyAgent : null,
      };
    case "assigned":
      return { type: "create_bead", bead: bead("for you"), assignTo: anyAgent };
    case "escalate":
      return {
        type: "escalate",
        title: "look",
        body: null,
        priority: "high",
        metadata: { bead_id: anyBead },
        agentId: random.chance(0.5) ? anyAgent : null,
      };
    case "mail":
      return { type: "send_mail", from: "operator", to: anyAgent, subject: "hello", body: "how is it going" };
    case "submit":
      return {
        type: "submit_review",
        agentId: anyAgent,
        beadId: anyBead,
        branch: "by-hand",
        prUrl: null,
        summary: null,
      };
    case "hold":
    case "release":
    case "jump":
    case "remove":
    case "approve":
      return reviews.length === 0 ? null : ofReview(what, random.pick(reviews));
    case "resume_queue":
      return { type: "resume_queue" };
    case "retry":
      return { type: "retry_bead", beadId: anyBead };
    case "retry_many":
      return { type: "retry_beads", beadIds: over.slice(-5) };
    case "revert":
      return { type: "revert_bead", beadId: anyBead, why: "it was wrong", redo: random.chance(0.5), title: "work" };
    case "gate":
      return {
        type: "set_settings",
        settings: random.pick([{ gate_slots: random.between(1, 8) }, { train_max: random.between(1, 16) }]),
      };
    case "verdict":
      return reviews.length === 0
        ? null
        : {
            type: "complete_review",
            reviewId: random.pick(reviews),
            claimId: random.chance(0.5) ? `${random.pick(reviews)}:1` : null,
            verdict: random.pick(["failed", "conflict"] as const),
            permanent: random.chance(0.5),
            message: "by hand",
            commitSha: null,
          };
  }
}

const ofReview = (what: "hold" | "release" | "jump" | "remove" | "approve", reviewId: string): Command =>
  what === "approve" ? { type: "approve_review", reviewId, tree: null } : { type: `${what}_review`, reviewId };

/** After the faults: somebody answers every question and clears what only a person can clear. */
export function tidyUp(sim: Simulation, rig: SimRig): void {
  sim.poke(rig);
  const todo = sim.peek(rig, (world) => {
    const commands: Command[] = [];
    for (const agent of world.agents.values()) {
      const { id, hook, role } = agent.context;
      if (world.broken.has(`agent:${id}`)) continue;
      if (agent.matches("blocked")) commands.push({ type: "answer", agentId: id, answer: "go on" });
      const hooked = hook === null ? undefined : world.beads.get(hook);
      if (hook !== null && (role !== "polecat" || (hooked !== undefined && hooked.context.type !== "issue")))
        commands.push({ type: "unhook", agentId: id });
    }
    for (const bead of world.beads.values()) {
      const { id, type, assignee, blockedBy, reviewId } = bead.context;
      if (bead.hasTag("terminal") || world.broken.has(`bead:${id}`)) continue;
      if (type !== "issue") commands.push({ type: "close_bead", beadId: id });
      else if (bead.context.byHand !== undefined && assignee === null)
        commands.push({ type: "set_bead_status", beadId: id, status: "open" });
      else if (assignee !== null && world.broken.has(`agent:${assignee}`) && bead.value !== "in_review")
        commands.push({ type: "cancel_bead", beadId: id });
      else if (reviewId !== null && world.broken.has(`review:${reviewId}`))
        commands.push({ type: "cancel_bead", beadId: id });
      else if (
        blockedBy.some(
          (blocker) =>
            world.broken.has(`bead:${blocker}`) ||
            (!world.beads.has(blocker) && world.recall("bead", blocker)?.value === "failed"),
        )
      )
        commands.push({ type: "cancel_bead", beadId: id });
      else if (isReady(bead) && assignee !== null && !world.agents.has(assignee))
        sim.trace(() => `${id} belongs to ${assignee}, who does not exist`);
    }
    for (const review of world.reviews.values()) {
      const reviewId = review.context.id;
      if (review.value === "held") commands.push({ type: "release_review", reviewId });
      if (review.value === "unapproved") commands.push({ type: "approve_review", reviewId, tree: null });
    }
    if (world.queue?.context.trouble?.class === "target") commands.push({ type: "resume_queue" });
    return commands;
  });
  for (const command of todo ?? []) sim.request(rig, command);
}
