import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { allowedIn, decide, stateName, type Caller, type Command, type CommandType, type Surroundings } from "../../../src/machines/decide.ts";
import { execute } from "../../../src/do/rig.ts";
import { bead, OPERATOR, type TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, configure, done, everything, exits, journalLength, MINUTE, refused, SECOND, slung, submitted, town, unchanged } from "../incidents/words.ts";

/** Every command: what it becomes, that asking again changes nothing, and what refuses it. */

interface Asked {
  command: Command;
  caller?: Caller;
}
type Again = "nothing" | "makes another" | "is refused" | "is recorded again";
type Setup = (rig: TestRig) => Asked | Promise<Asked>;
interface Case {
  /** [what is so before, how it gets so, the root facts that the command becomes, what it does again if not as usual] */
  accepts: [string, Setup, string[], Again?][];
  /** What the same command again does: `nothing`, or why it is not the same any more. */
  again: Again;
  /** [what is so before, how it gets so, status, what the error says] */
  refuses: [string, Setup, number, RegExp][];
}

const noAgent = (command: Command): Case["refuses"][number] => ["for an agent that does not exist", () => ({ command }), 404, /no agent ghost/];
const noBead = (command: Command): Case["refuses"][number] => ["for a bead that does not exist", () => ({ command }), 404, /no bead ghost/];
const polecat = (rig: TestRig): string => rig.run({ type: "get_or_create_agent", role: "polecat" }).agentId ?? "";
const paused = (rig: TestRig): TestRig => {
  rig.run({ type: "pause" });
  return rig;
};
const openBead = (rig: TestRig, title = "open"): string => paused(rig).run({ type: "create_bead", bead: bead(title), assignTo: null }).beadId ?? "";
const work = { branch: "feature/x", prUrl: null, summary: null };

/** A running agent says something of its own dispatch. */
const running =
  (make: (agentId: string, beadId: string) => Command, then: (rig: TestRig, agentId: string) => Promise<void> | void = () => {}): Setup =>
  async (rig) => {
    const { agentId, beadId } = await slung(rig);
    await then(rig, agentId);
    return { command: make(agentId, beadId), caller: as(rig, agentId) };
  };
/** The same, but another dispatch has taken its place. */
const overtaken =
  (make: (agentId: string, beadId: string) => Command): Setup =>
  async (rig) => {
    const { agentId, beadId } = await slung(rig);
    await exits(rig, agentId);
    await rig.tickAt(rig.now + SECOND);
    return { command: make(agentId, beadId), caller: as(rig, agentId, 1) };
  };

const CASES: Record<CommandType, Case> = {
  configure: {
    accepts: [
      ["a new rig", () => ({ command: { ...configure("rig1"), name: "renamed" } as Command }), ["rig.configured"]],
    ],
    again: "nothing",
    refuses: [["another rig's configuration", () => ({ command: configure("rig2") }), 409, /this rig is rig1 already/]],
  },
  set_settings: {
    accepts: [["two settings", () => ({ command: { type: "set_settings", settings: { capacity: 3, max_attempts: 2 } } }), ["rig.settings_changed"]]],
    again: "nothing",
    refuses: [
      ["a GUPP check after its escalation", () => ({ command: { type: "set_settings", settings: { gupp_check_ms: 3_600_001 } } }), 422, /must not be above/],
      ["a GUPP restart before its escalation", () => ({ command: { type: "set_settings", settings: { gupp_restart_ms: 3_599_999 } } }), 422, /must not be above/],
    ],
  },
  pause: {
    accepts: [["a rig that dispatches", () => ({ command: { type: "pause" } }), ["rig.paused"]]],
    again: "nothing",
    refuses: [
      ["a rig that drains", (rig) => {
        rig.run({ type: "drain" });
        return { command: { type: "pause" } };
      }, 409, /cannot be paused; in this state it takes: .*rig\.resumed/],
    ],
  },
  resume: {
    accepts: [
      ["a paused rig", (rig) => {
        rig.run({ type: "pause" });
        return { command: { type: "resume" } };
      }, ["rig.resumed"]],
      ["a draining rig", (rig) => {
        rig.run({ type: "drain" });
        return { command: { type: "resume" } };
      }, ["rig.resumed"]],
    ],
    again: "nothing",
    refuses: [],
  },
  drain: {
    accepts: [
      ["a rig that dispatches", () => ({ command: { type: "drain" } }), ["rig.draining"]],
      ["a paused rig", (rig) => {
        rig.run({ type: "pause" });
        return { command: { type: "drain" } };
      }, ["rig.draining"]],
    ],
    again: "nothing",
    refuses: [],
  },
  repair: {
    accepts: [
      ["an agent whose row was damaged", async (rig) => {
        const { agentId } = await slung(rig);
        rig.ports.sql.exec("UPDATE actors SET value = '{' WHERE kind = 'agent' AND id = ?", agentId);
        rig.reopen();
        return { command: { type: "repair", kind: "agent", id: agentId } };
      }, ["actor.repaired"]],
    ],
    again: "nothing",
    refuses: [["an actor that does not exist", () => ({ command: { type: "repair", kind: "review", id: "ghost" } }), 404, /no review ghost/]],
  },
  destroy: { accepts: [["a rig", () => ({ command: { type: "destroy" } }), ["rig.destroyed"]]], again: "is refused", refuses: [] },

  create_bead: {
    accepts: [
      ["a bead for whoever is free", () => ({ command: { type: "create_bead", bead: bead("x"), assignTo: null } }), ["bead.created"]],
      ["a bead for one agent", (rig) => ({ command: { type: "create_bead", bead: bead("x"), assignTo: polecat(rig) } }), ["bead.created", "agent.hooked"], "is refused"],
      ["a body of exactly the limit", () => ({ command: { type: "create_bead", bead: bead("x", { body: "b".repeat(LIMITS.bead_body_chars) }), assignTo: null } }), ["bead.created"]],
    ],
    again: "makes another",
    refuses: [
      noAgent({ type: "create_bead", bead: bead("x"), assignTo: "ghost" }),
      ["for an agent that has a bead", async (rig) => ({ command: { type: "create_bead", bead: bead("x"), assignTo: (await slung(rig)).agentId } }), 409, /cannot take a bead; in this state it takes: /],
      ["a blocker that does not exist", () => ({ command: { type: "create_bead", bead: bead("x", { blockedBy: ["ghost"] }), assignTo: null } }), 422, /blocked_by names ghost/],
      ["a body over the limit", () => ({ command: { type: "create_bead", bead: bead("x", { body: "b".repeat(LIMITS.bead_body_chars + 1) }), assignTo: null } }), 413, /may have 524288 characters, this one has 524289/],
      ["metadata over the limit", () => ({ command: { type: "create_bead", bead: bead("x", { metadata: { a: "m".repeat(LIMITS.metadata_bytes) } }), assignTo: null } }), 413, /metadata may have 65536 bytes/],
    ],
  },
  sling: {
    accepts: [
      ["nobody is free", () => ({ command: { type: "sling", bead: bead("x") } }), ["bead.created", "agent.registered", "agent.hooked"]],
      ["somebody is free", (rig) => {
        polecat(rig);
        return { command: { type: "sling", bead: bead("x") } };
      }, ["bead.created", "agent.hooked"]],
    ],
    again: "makes another",
    refuses: [
      ["a blocker that does not exist", () => ({ command: { type: "sling", bead: bead("x", { blockedBy: ["ghost"] }) } }), 422, /there is no such bead/],
      ["a body over the limit", () => ({ command: { type: "sling", bead: bead("x", { body: "b".repeat(LIMITS.bead_body_chars + 1) }) } }), 413, /characters/],
    ],
  },
  escalate: {
    accepts: [
      ["by a person", () => ({ command: { type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId: null } }), ["bead.created"]],
      ["by a running agent, which it blocks", running((agentId) => ({ type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId })), ["bead.created", "agent.asked_help"]],
      ["by an older dispatch, which blocks nobody", overtaken((agentId) => ({ type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId })), ["bead.created"]],
      ["about an open escalation", (rig) => {
        const { beadId = "" } = rig.run({ type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId: null });
        return { command: { type: "escalate", title: "y", body: null, priority: "high", metadata: { bead_id: beadId }, agentId: null } };
      }, ["escalation.joined"]],
      ["about an escalation that is closed", (rig) => {
        const { beadId = "" } = rig.run({ type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId: null });
        rig.run({ type: "close_bead", beadId });
        return { command: { type: "escalate", title: "y", body: null, priority: "high", metadata: { bead_id: beadId }, agentId: null } };
      }, ["bead.created"]],
    ],
    again: "makes another",
    refuses: [["metadata over the limit", () => ({ command: { type: "escalate", title: "x", body: null, priority: "high", metadata: { a: "m".repeat(LIMITS.metadata_bytes) }, agentId: null } }), 413, /metadata/]],
  },

  set_bead_status: {
    accepts: [
      ["an open bead to closed", (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "closed" } }), ["bead.status_set"]],
      ["an open bead to failed", (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "failed" } }), ["bead.status_set"]],
      ["a running bead to closed", running((_, beadId) => ({ type: "set_bead_status", beadId, status: "closed" })), ["bead.status_set"]],
      ["a message to in progress", (rig) => ({ command: { type: "set_bead_status", beadId: rig.run({ type: "create_bead", bead: bead("m", { type: "message" }), assignTo: null }).beadId ?? "", status: "in_progress" } }), ["bead.status_set"]],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "set_bead_status", beadId: "ghost", status: "closed" }),
      ["work that nobody has, to in progress", (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "in_progress" } }), 409, /is open and cannot become in_progress by hand/],
      ["work that an agent has, to open", running((_, beadId) => ({ type: "set_bead_status", beadId, status: "open" })), 409, /cannot become open by hand/],
      ["work to in review", (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "in_review" } }), 409, /cannot become in_review by hand/],
      ["a bead in review", async (rig) => ({ command: { type: "set_bead_status", beadId: (await submitted(rig)).beadId, status: "open" } }), 409, /is in_review and cannot/],
      ["a closed bead", (rig) => {
        const beadId = openBead(rig);
        rig.run({ type: "close_bead", beadId });
        return { command: { type: "set_bead_status", beadId, status: "open" } };
      }, 409, /is closed and cannot become open by hand; in this state it takes: nothing/],
    ],
  },
  close_bead: {
    accepts: [
      ["an open bead", (rig) => ({ command: { type: "close_bead", beadId: openBead(rig) } }), ["bead.closed"]],
      ["a running bead", running((_, beadId) => ({ type: "close_bead", beadId })), ["bead.closed"]],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "close_bead", beadId: "ghost" }),
      ["a bead in review", async (rig) => ({ command: { type: "close_bead", beadId: (await submitted(rig)).beadId } }), 409, /is in_review and cannot be closed; in this state it takes: .*bead\.merged/],
      ["a failed bead", (rig) => {
        const beadId = openBead(rig);
        rig.run({ type: "cancel_bead", beadId });
        return { command: { type: "close_bead", beadId } };
      }, 409, /is failed and cannot be closed/],
    ],
  },
  cancel_bead: {
    accepts: [
      ["an open bead", (rig) => ({ command: { type: "cancel_bead", beadId: openBead(rig) } }), ["bead.cancelled"]],
      ["a running bead", running((_, beadId) => ({ type: "cancel_bead", beadId })), ["bead.cancelled"]],
      ["a bead in review", async (rig) => ({ command: { type: "cancel_bead", beadId: (await submitted(rig)).beadId } }), ["bead.cancelled"]],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "cancel_bead", beadId: "ghost" }),
      ["a closed bead", (rig) => {
        const beadId = openBead(rig);
        rig.run({ type: "close_bead", beadId });
        return { command: { type: "cancel_bead", beadId } };
      }, 409, /is closed and cannot be cancelled/],
    ],
  },
  delete_bead: {
    accepts: [
      ["an open bead", (rig) => ({ command: { type: "delete_bead", beadId: openBead(rig) } }), ["bead.deleted"]],
      ["a running bead", running((_, beadId) => ({ type: "delete_bead", beadId })), ["bead.deleted"]],
      ["a bead in review", async (rig) => ({ command: { type: "delete_bead", beadId: (await submitted(rig)).beadId } }), ["bead.deleted"]],
    ],
    again: "is refused",
    refuses: [noBead({ type: "delete_bead", beadId: "ghost" })],
  },

  register_agent: {
    accepts: [["a new identity", () => ({ command: { type: "register_agent", role: "polecat", name: "ada", identity: "rig/polecats/ada" } }), ["agent.registered"]]],
    again: "is refused",
    refuses: [
      ["an identity that is taken", (rig) => {
        rig.run({ type: "register_agent", role: "polecat", name: "ada", identity: "rig/polecats/ada" });
        return { command: { type: "register_agent", role: "refinery", name: "other", identity: "rig/polecats/ada" } };
      }, 409, /identity rig\/polecats\/ada belongs to agent/],
    ],
  },
  get_or_create_agent: {
    accepts: [
      ["the first refinery", () => ({ command: { type: "get_or_create_agent", role: "refinery" } }), ["agent.registered"]],
      ["every polecat is busy", async (rig) => {
        await slung(rig);
        return { command: { type: "get_or_create_agent", role: "polecat" } };
      }, ["agent.registered"]],
    ],
    again: "nothing",
    refuses: [],
  },
  delete_agent: {
    accepts: [
      ["an idle agent", (rig) => ({ command: { type: "delete_agent", agentId: polecat(rig) } }), ["agent.deleted"]],
      ["a running agent", running((agentId) => ({ type: "delete_agent", agentId })), ["agent.deleted"]],
    ],
    again: "is refused",
    refuses: [noAgent({ type: "delete_agent", agentId: "ghost" })],
  },
  hook: {
    accepts: [["a free agent and an open bead", (rig) => ({ command: { type: "hook", agentId: polecat(rig), beadId: openBead(rig) } }), ["agent.hooked"]]],
    again: "nothing",
    refuses: [
      ["an agent that does not exist", (rig) => ({ command: { type: "hook", agentId: "ghost", beadId: openBead(rig) } }), 404, /no agent ghost/],
      ["a bead that does not exist", (rig) => ({ command: { type: "hook", agentId: polecat(rig), beadId: "ghost" } }), 404, /no bead ghost/],
      ["an agent that has a bead", async (rig) => {
        const { agentId } = await slung(rig);
        return { command: { type: "hook", agentId, beadId: openBead(rig) } };
      }, 409, /cannot take bead/],
      ["a bead that an agent has", async (rig) => {
        const { beadId, agentId } = await slung(rig);
        expect(agentId).not.toBe(polecat(rig));
        return { command: { type: "hook", agentId: polecat(rig), beadId } };
      }, 409, /is on the hook of agent .* already/],
      ["a closed bead", (rig) => {
        const beadId = openBead(rig);
        rig.run({ type: "close_bead", beadId });
        return { command: { type: "hook", agentId: polecat(rig), beadId } };
      }, 409, /is closed and cannot be hooked/],
    ],
  },
  unhook: {
    accepts: [["a running agent", running((agentId) => ({ type: "unhook", agentId }), (rig) => void paused(rig)), ["agent.unhooked"]]],
    again: "nothing",
    refuses: [noAgent({ type: "unhook", agentId: "ghost" })],
  },
  answer: {
    accepts: [
      ["an agent that asked for help", async (rig) => {
        const { agentId } = await slung(rig);
        rig.run({ type: "escalate", title: "help", body: null, priority: "high", metadata: {}, agentId }, as(rig, agentId));
        return { command: { type: "answer", agentId, answer: "yes" } };
      }, ["agent.answered"]],
      ["an agent at a permission prompt", async (rig) => {
        const { agentId } = await slung(rig);
        rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId));
        return { command: { type: "answer", agentId, answer: "yes" } };
      }, ["agent.answered"]],
    ],
    again: "is refused",
    refuses: [
      noAgent({ type: "answer", agentId: "ghost", answer: "yes" }),
      ["an answer over the limit", async (rig) => ({ command: { type: "answer", agentId: (await slung(rig)).agentId, answer: "b".repeat(LIMITS.mail_body_chars + 1) } }), 413, /65536 characters/],
      ["an agent that waits for nothing", async (rig) => ({ command: { type: "answer", agentId: (await slung(rig)).agentId, answer: "yes" } }), 409, /cannot be unblocked; in this state it takes: .*agent\.done/],
    ],
  },

  done: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "done", agentId, ...work })), ["agent.done"]],
      ["an agent that waits for help", running((agentId) => ({ type: "done", agentId, ...work }), (rig, agentId) => void rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId))), ["agent.done"]],
      ["an agent whose process has ended", running((agentId) => ({ type: "done", agentId, ...work }), (rig, agentId) => exits(rig, agentId, "completed")), ["agent.done"]],
      ["an older dispatch", overtaken((agentId) => ({ type: "done", agentId, ...work })), ["report.stale"]],
    ],
    again: "nothing",
    refuses: [
      noAgent({ type: "done", agentId: "ghost", ...work }),
      ["an agent that never had a bead", (rig) => ({ command: { type: "done", agentId: polecat(rig), ...work } }), 409, /is idle\.empty and cannot be done without a bead; in this state it takes: agent\.hooked/],
    ],
  },
  exited: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "boom", resetAt: null })), ["agent.exited"]],
      ["an older dispatch", overtaken((agentId) => ({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "boom", resetAt: null })), ["report.stale"]],
      ["an idle agent, of whom it is no news", async (rig) => {
        const { agentId } = await slung(rig);
        await done(rig, agentId, "b");
        return { command: { type: "exited", agentId, dispatchId: null, outcome: "completed", reason: "", resetAt: null }, caller: as(rig, agentId) };
      }, []],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "exited", agentId: "ghost", dispatchId: null, outcome: "failed", reason: "", resetAt: null })],
  },
  heard: {
    accepts: [
      ["for the first time", running((agentId) => ({ type: "heard", agentId, dispatchId: null })), ["agent.heard"]],
      ["of an older dispatch", overtaken((agentId) => ({ type: "heard", agentId, dispatchId: null })), ["report.stale"]],
      ["of another agent's dispatch", running((agentId) => ({ type: "heard", agentId, dispatchId: "somebody:1" })), ["report.stale"]],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "heard", agentId: "ghost", dispatchId: null })],
  },
  progressed: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "progressed", agentId, what: "tool" })), ["agent.progressed"]],
      ["an older dispatch", overtaken((agentId) => ({ type: "progressed", agentId, what: "tool" })), ["report.stale"]],
      ["an agent without a process", (rig) => ({ command: { type: "progressed", agentId: polecat(rig), what: "tool" } }), []],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "progressed", agentId: "ghost", what: "tool" })],
  },
  checkpoint: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "checkpoint", agentId, data: { step: 1 } })), ["agent.checkpointed"]],
      ["exactly at the limit", running((agentId) => ({ type: "checkpoint", agentId, data: "c".repeat(LIMITS.checkpoint_bytes - 2) })), ["agent.checkpointed"]],
      ["an older dispatch", overtaken((agentId) => ({ type: "checkpoint", agentId, data: { step: 1 } })), ["report.stale"]],
    ],
    again: "nothing",
    refuses: [
      noAgent({ type: "checkpoint", agentId: "ghost", data: {} }),
      ["over the limit", running((agentId) => ({ type: "checkpoint", agentId, data: "c".repeat(LIMITS.checkpoint_bytes - 1) })), 413, /may have 262144 bytes of JSON, this one has 262145; the one before is kept/],
    ],
  },
  permission_asked: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "permission_asked", agentId, prompt: "?" })), ["permission.asked"]],
      ["an older dispatch", overtaken((agentId) => ({ type: "permission_asked", agentId, prompt: "?" })), ["report.stale"]],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "permission_asked", agentId: "ghost", prompt: "?" })],
  },
  permission_answered: {
    accepts: [
      ["an agent at its prompt", running((agentId) => ({ type: "permission_answered", agentId }), (rig, agentId) => void rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId))), ["permission.answered"]],
      ["an agent that did not ask", running((agentId) => ({ type: "permission_answered", agentId })), []],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "permission_answered", agentId: "ghost" })],
  },

  send_mail: {
    accepts: [["an idle agent", (rig) => ({ command: { type: "send_mail", from: "mayor", to: polecat(rig), subject: "s", body: "b" } }), ["mail.sent"]]],
    again: "makes another",
    refuses: [
      noAgent({ type: "send_mail", from: "mayor", to: "ghost", subject: "s", body: "b" }),
      ["a body over the limit", (rig) => ({ command: { type: "send_mail", from: "mayor", to: polecat(rig), subject: "s", body: "b".repeat(LIMITS.mail_body_chars + 1) } }), 413, /65536 characters, this one has 65537/],
      ["a full mailbox", (rig) => {
        const to = polecat(rig);
        rig.tell(...Array.from({ length: LIMITS.undelivered_mail }, (_, i) => ({ type: "mail.sent" as const, mailId: `m${i}`, from: "mayor", to, subject: "s", body: "b" })));
        return { command: { type: "send_mail", from: "mayor", to, subject: "s", body: "b" } };
      }, 429, /has 1000 undelivered mails; it must read some first/],
    ],
  },
  read_mail: {
    accepts: [
      ["mail", (rig) => ({ command: { type: "read_mail", agentId: polecat(rig), mailIds: ["m1"] } }), ["mail.delivered"]],
      ["no mail", (rig) => ({ command: { type: "read_mail", agentId: polecat(rig), mailIds: [] } }), []],
    ],
    again: "is recorded again",
    refuses: [noAgent({ type: "read_mail", agentId: "ghost", mailIds: ["m1"] })],
  },
  submit_review: {
    accepts: [
      ["a running bead", running((agentId, beadId) => ({ type: "submit_review", agentId, beadId, ...work })), ["review.submitted"]],
      ["an older dispatch", overtaken((agentId, beadId) => ({ type: "submit_review", agentId, beadId, ...work })), ["report.stale"]],
    ],
    again: "nothing",
    refuses: [
      ["an agent that does not exist", (rig) => ({ command: { type: "submit_review", agentId: "ghost", beadId: openBead(rig), ...work } }), 404, /no agent ghost/],
      ["a bead that does not exist", (rig) => ({ command: { type: "submit_review", agentId: polecat(rig), beadId: "ghost", ...work } }), 404, /no bead ghost/],
      ["a closed bead", (rig) => {
        const beadId = openBead(rig);
        rig.run({ type: "close_bead", beadId });
        return { command: { type: "submit_review", agentId: polecat(rig), beadId, ...work } };
      }, 409, /is closed and cannot be submitted for review/],
      ["a message", (rig) => ({ command: { type: "submit_review", agentId: polecat(rig), beadId: rig.run({ type: "create_bead", bead: bead("m", { type: "message" }), assignTo: null }).beadId ?? "", ...work } }), 409, /cannot be submitted for review/],
    ],
  },
  complete_review: {
    accepts: [
      ...(["merged", "conflict", "failed"] as const).map((how): Case["accepts"][number] => [`a verdict: ${how}`, async (rig) => {
        const { reviewId } = await submitted(rig);
        return { command: { type: "complete_review", reviewId, claimId: `${reviewId}:1`, verdict: how, permanent: true, message: "m", commitSha: null } };
      }, ["review.completed"]]),
      ["of an older claim", async (rig) => {
        const { reviewId } = await submitted(rig);
        return { command: { type: "complete_review", reviewId, claimId: `${reviewId}:0`, verdict: "merged", permanent: false, message: "", commitSha: null } };
      }, ["report.stale"]],
      ["of no claim at all: the newest is meant", async (rig) => {
        const { reviewId } = await submitted(rig);
        return { command: { type: "complete_review", reviewId, claimId: null, verdict: "merged", permanent: false, message: "", commitSha: null } };
      }, ["review.completed"]],
    ],
    again: "nothing",
    refuses: [["a review that does not exist", () => ({ command: { type: "complete_review", reviewId: "ghost", claimId: null, verdict: "merged", permanent: false, message: "", commitSha: null } }), 404, /no review ghost/]],
  },
};

for (const [type, { accepts, again: usually, refuses }] of Object.entries(CASES)) {
  describe(type, () => {
    for (const [title, given, expected, again = usually] of accepts) {
      test(`becomes ${expected.join(" + ") || "nothing"}: ${title}`, async () => {
        const rig = town();
        const { command, caller = OPERATOR } = await given(rig);
        const before = journalLength(rig);
        const decided = rig.run(command, caller);
        expect(decided.facts.map((fact) => fact.type)).toEqual(expected);
        expect(journalLength(rig) - before).toBeGreaterThanOrEqual(expected.length);
        expect(decided.stale === true).toBe(expected[0] === "report.stale" || title.includes("older dispatch"));
        if (expected[0] === "report.stale") return;
        if (again === "nothing") unchanged(rig, command, caller);
        else if (again === "is refused") expect([404, 409]).toContain(refused(rig, command, caller).status);
        else if (again === "makes another" && expected.length > 0) expect(rig.run(command, caller).facts.length).toBeGreaterThan(0);
      });
    }
    for (const [title, given, status, says] of refuses) {
      test(`is refused with ${status}: ${title}`, async () => {
        const rig = town();
        const { command, caller = OPERATOR } = await given(rig);
        const refusal = refused(rig, command, caller);
        expect(refusal.status).toBe(status);
        expect(refusal.error).toMatch(says);
        // The chart's own refusals name the state and what it would take.
        if (/in this state it takes/.test(refusal.error)) {
          expect(refusal.error).toContain(refusal.state);
          expect(refusal.error).toContain(refusal.allowed?.join(", ") || "nothing");
        }
      });
    }
    test("is refused with 404 once the rig is destroyed", async () => {
      const rig = town();
      const { command, caller = OPERATOR } = await (accepts[0] as Case["accepts"][number])[1](rig);
      rig.run({ type: "destroy" });
      await rig.settled();
      expect(refused(rig, command, caller)).toMatchObject({ status: 404, error: "this rig was deleted" });
    });
  });
}

test("a refusal of a chart names what the state would take", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const refusal = refused(rig, { type: "answer", agentId, answer: "yes" });
  const agent = agentOf(rig, agentId);
  expect(refusal).toMatchObject({ status: 409, state: stateName(agent), allowed: allowedIn(agent) });
  expect(refusal.allowed).toEqual(expect.arrayContaining(["agent.done", "agent.exited", "agent.unhooked"]));
});

test("an agent of another bead's dispatch does not speak for the bead that it has now", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  const old = as(rig, agentId);
  rig.run({ type: "pause" });
  rig.run({ type: "unhook", agentId });
  const { beadId: other = "" } = rig.run({ type: "create_bead", bead: bead("other"), assignTo: agentId });
  expect(rig.run({ type: "done", agentId, ...work }, old).stale).toBe(true);
  expect([beadOf(rig, beadId).value, beadOf(rig, other).value]).toEqual(["open", "open"]);
});

test("a rig with all its beads refuses another with 429, and one below takes it", () => {
  const rig = town();
  const around = (open: number): Surroundings => ({ at: rig.now, caller: OPERATOR, newId: (kind) => `${kind}-new`, undeliveredMail: () => 0, openBeads: () => open, stateBefore: () => null });
  for (const command of [{ type: "create_bead", bead: bead("x"), assignTo: null }, { type: "sling", bead: bead("x") }, { type: "escalate", title: "x", body: null, priority: "low", metadata: {}, agentId: null }] as const satisfies Command[]) {
    expect(decide(rig.rig.world, command, around(LIMITS.open_beads))).toMatchObject({ ok: false, status: 429, error: expect.stringContaining("10000 open beads already") });
    expect(decide(rig.rig.world, command, around(LIMITS.open_beads - 1)).ok).toBe(true);
  }
});

test("a rig with all its agents refuses another with 429, and one below takes it", () => {
  const rig = town();
  const register = (from: number, to: number) => rig.tell(...Array.from({ length: to - from }, (_, i) => ({ type: "agent.registered" as const, agentId: `a${from + i}`, role: "witness" as const, name: `a${from + i}`, identity: `rig/${from + i}` })));
  register(0, LIMITS.agents - 1);
  const command: Command = { type: "get_or_create_agent", role: "refinery" };
  const around: Surroundings = { at: rig.now, caller: OPERATOR, newId: (kind) => `${kind}-new`, undeliveredMail: () => 0, openBeads: () => 0, stateBefore: () => null };
  expect(decide(rig.rig.world, command, around).ok).toBe(true);
  register(LIMITS.agents - 1, LIMITS.agents);
  for (const refusedToo of [command, { type: "register_agent", role: "polecat", name: "x", identity: "x" }, { type: "sling", bead: bead("x") }] as const satisfies Command[]) {
    expect(decide(rig.rig.world, refusedToo, around)).toMatchObject({ ok: false, status: 429, error: expect.stringContaining("10000 agents already") });
  }
  const before = everything(rig);
  expect(execute(rig.rig, command, OPERATOR)).toMatchObject({ status: 429 });
  expect(everything(rig)).toBe(before);
});

test("time never runs backwards, whatever the clock says", async () => {
  const rig = town();
  await slung(rig);
  const at = rig.rig.world.at;
  rig.now -= MINUTE;
  rig.run({ type: "pause" });
  expect(rig.rig.world.at).toBe(at);
});
