import * as z from "zod";
import { AN, branch, BY, handedIn, HANDED_IN, id, ofAgent, ofBead, ofDispatch, reason, TEXT } from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { RefusalCode } from "./refusal-code.ts";
import { fact, told } from "./row.ts";

/** What an agent says that its work came to. */
export const Resolution = z.enum(["work", "no_change"]);
export type Resolution = z.infer<typeof Resolution>;

/** What a person decides of a hand-in that was refused too often. */
export const HandInDecision = z.enum(["send_back", "no_change", "as_is"]);
export type HandInDecision = z.infer<typeof HandInDecision>;

export const sha = z.string().regex(/^[0-9a-f]{40,64}$/);
const note = z.string().max(LIMITS.mail_body_chars).nullable();
const count = z.int().min(0);

const ABOUT = { agentId: AN.agentId, dispatchId: AN.dispatchId, beadId: AN.beadId };
const COMMIT = "0000000000000000000000000000000000000000";
const TOO_LATE = "The answer to the hand-in of an older dispatch, or to one that was answered already.";
const seen = (what: string, values: Record<string, string | number | null>) => ({ hand_in: what, ...values });

/** Facts about a hand-in: the way from the word "done" to a commit that is kept. */
export const HAND_IN_FACTS = [
  /** An intention, and no more: what was done is looked at. */
  fact(
    "work.handed_in",
    { ...ofDispatch, ...ofBead, ...handedIn, resolution: Resolution, note },
    {
      to: ["agent", "accounts", "rig"],
      arms: true,
      isSignOfLife: true,
      timeline: ({ agentId, branch: named }) =>
        told("status_changed", agentId, "in_progress", "in_progress", seen("looked_at", { branch: named })),
      example: { ...ABOUT, ...HANDED_IN, resolution: "work", note: null },
      ignored: {
        agent: "Said twice while it is looked at; or without a dispatch, where there is nothing to look at.",
        accounts: "Of interest only of the start that finds out whether an account is free.",
        rig: "Of interest only as a sign of life of the probe.",
      },
      command: { agent: { command: "done", already: ["agent.idle.empty", "agent.working.handing_in"] } },
    },
  ),
  /** Exactly this commit is kept, and is what will be merged, whatever the branch does later. */
  fact(
    "hand_in.accepted",
    {
      ...ofDispatch,
      ...ofBead,
      branch,
      commit: sha,
      base: sha.nullable(),
      ahead: count,
      files: count,
      deletions: count,
      /** A person took it as it is. */
      asIs: z.boolean(),
    },
    {
      to: ["agent"],
      stopsAs: "done",
      timeline: ({ agentId, commit, ahead, files }) =>
        told("status_changed", agentId, "in_progress", "in_progress", seen("accepted", { commit, ahead, files })),
      example: {
        ...ABOUT,
        branch: "ticktown/example",
        commit: COMMIT,
        base: COMMIT,
        ahead: 1,
        files: 1,
        deletions: 0,
        asIs: false,
      },
      ignored: { agent: TOO_LATE },
    },
  ),
  fact(
    "hand_in.refused",
    {
      ...ofDispatch,
      ...ofBead,
      code: RefusalCode,
      sentence: reason,
      /** The refusals of this bead in a row, with this one. */
      refusals: count,
      /** A commit of the agent's own that a person may take as it is. */
      commit: sha.nullable(),
    },
    {
      to: ["agent", "bead?"],
      arms: true,
      timeline: ({ agentId, code, sentence }) =>
        told("status_changed", agentId, "in_progress", "in_progress", seen("refused", { code, sentence })),
      example: { ...ABOUT, code: "no_commits", sentence: TEXT, refusals: 1, commit: null },
      variants: [
        { name: "for the first time" },
        { name: "for the last time", fields: { refusals: LIMITS.hand_in_refusals } },
      ],
      ignored: { agent: TOO_LATE, bead: "Its agent was taken away, or it has ended." },
    },
  ),
  /** The agent said so in words, and there is nothing to merge. */
  fact(
    "hand_in.no_change",
    { ...ofDispatch, ...ofBead, note },
    { to: ["agent"], stopsAs: "done", example: { ...ABOUT, note: TEXT }, ignored: { agent: TOO_LATE } },
  ),
  /** The container knows no way to look: found out when it was first asked. */
  fact(
    "hand_in.unseen",
    { ...ofDispatch, ...ofBead },
    {
      to: ["agent"],
      stopsAs: "done",
      timeline: ({ agentId }) => told("status_changed", agentId, "in_progress", "in_progress", seen("unseen", {})),
      example: ABOUT,
      ignored: { agent: TOO_LATE },
    },
  ),
  /** Nobody answers. Nobody is charged; it is asked again at each TICK. */
  fact(
    "hand_in.unanswered",
    { ...ofDispatch, ...ofBead, error: reason },
    { to: ["agent"], arms: true, example: { ...ABOUT, error: TEXT }, ignored: { agent: TOO_LATE } },
  ),
  /** The clone is gone and nothing of it was kept: the work must be done again, at nobody's cost. */
  fact(
    "work.lost",
    { ...ofDispatch, ...ofBead, reason },
    {
      to: ["agent"],
      arms: true,
      timeline: (lost) =>
        told("status_changed", lost.agentId, "in_progress", "in_progress", seen("lost", { reason: lost.reason })),
      example: { ...ABOUT, reason: TEXT },
      ignored: { agent: TOO_LATE },
    },
  ),
  /** A person ends the back and forth. */
  fact(
    "hand_in.settled",
    { ...ofAgent, ...ofBead, decision: HandInDecision, note, commit: sha.nullable(), by: id },
    {
      to: ["agent", "bead?"],
      arms: true,
      timeline: ({ by, decision }) =>
        told("status_changed", by, "in_progress", "in_progress", seen("settled", { decision })),
      example: { agentId: AN.agentId, beadId: AN.beadId, decision: "send_back", note: null, commit: null, by: BY },
      variants: HandInDecision.options.map((decision) => ({
        name: decision,
        fields: { decision, commit: decision === "as_is" ? COMMIT : null },
      })),
      ignored: { bead: "Its agent was taken away, or it has ended." },
      command: { agent: { command: "settle the hand-in" } },
    },
  ),
  /** What an agent had not committed was kept on a side ref, or is lost; it never gets onto a branch by itself. */
  fact(
    "work.set_aside",
    {
      ...ofAgent,
      ...ofBead,
      ref: z.string().max(400).nullable(),
      files: count,
      /** It lies in the clone of the dispatch that is told, uncommitted. */
      givenBack: z.boolean(),
      why: reason,
    },
    {
      to: [],
      timeline: ({ agentId, ref, files, givenBack, why }) =>
        told("status_changed", agentId, null, null, seen(givenBack ? "given_back" : "set_aside", { ref, files, why })),
      example: {
        agentId: AN.agentId,
        beadId: AN.beadId,
        ref: "refs/ticktown/leftovers/x/1",
        files: 1,
        givenBack: false,
        why: TEXT,
      },
    },
  ),
  /** Closed without a merge: there was nothing to change. */
  fact(
    "bead.no_change",
    { ...ofBead, agentId: id, note },
    {
      to: ["bead"],
      timeline: ({ agentId, note: words }) =>
        told("closed", agentId, "in_progress", "closed", seen("no_change", { reason: words })),
      example: { beadId: AN.beadId, agentId: AN.agentId, note: TEXT },
      ignored: { bead: "Terminal beads stay terminal; one in review has work." },
    },
  ),
] as const;
