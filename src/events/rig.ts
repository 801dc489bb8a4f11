import * as z from "zod";
import { branch, BY, id, reason, TEXT, title, url } from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { fact } from "./row.ts";
import { NEWEST_RULES, TICKTOWN_VERSION } from "./rules.ts";
import { SettingsChange } from "./settings.ts";
import { STRAYS } from "./strays.ts";

const rules = z.int().min(1);

/** Facts about the rig itself, its time and its container. */
export const RIG_FACTS = [
  fact(
    "TICK",
    {
      /** What the patrol before this TICK learnt of the container. */
      container: z.enum(["reachable", "unreachable", "unasked"]),
    },
    {
      to: ["every agent", "every open review", "queue", "budget", "accounts", "rig"],
      example: { container: "reachable" },
      variants: [
        { name: "", of: "agent" },
        { name: "container unreachable", of: "agent", fields: { container: "unreachable" } },
      ],
      ignored: {
        agent:
          "Goes to every agent. It moves only what has a deadline that has passed; free, parked and due agents wait for somebody, not for time.",
        review:
          "Goes to every review that is queued or being merged. It moves only what has a deadline that has passed.",
        queue: "Only a train has a lease, and only what went wrong is tried again at a time.",
        budget: "Only a budget that is spent, or nearly, waits for the next day.",
        accounts: "Only a limit ends at a time.",
        rig: "Only an open breaker waits for time, and only for its cool-down.",
      },
    },
  ),
  /**
   * Between two looks more time has passed than anybody could use (ms, `by` > 0), or the clock was put back (`by` < 0, and the journal's time with
   * it): whatever runs goes on from where it was. Times that people and providers named stay what they are.
   */
  fact(
    "clock.jumped",
    { by: z.int() },
    {
      to: ["every agent", "every open review", "queue", "rig"],
      arms: true,
      kept: true,
      example: { by: 28_800_000 },
      variants: [{ name: "" }, { name: "back", of: "rig", fields: { by: -31_536_000_000 } }],
      ignored: {
        agent: "It has no clock that runs.",
        review: "It has no clock that runs.",
        queue: "It has no clock that runs.",
        rig: "It has no clock that runs.",
      },
    },
  ),
  fact(
    "rig.configured",
    {
      rigId: id,
      townId: id,
      userId: id,
      name: title,
      gitUrl: url,
      defaultBranch: branch,
      /** Version 2: by which rules the journal is folded from here on (rules.ts). */
      rules,
    },
    {
      to: ["rig"],
      arms: true,
      example: {
        rigId: "rig-x",
        townId: "town-x",
        userId: "user-x",
        name: "example",
        gitUrl: "https://git.example/example.git",
        defaultBranch: "main",
        rules: NEWEST_RULES,
      },
    },
  ),
  /** A person changed what repository it is of, which branch its work goes to, or how it is called. Only what is named was changed. */
  fact(
    "rig.edited",
    {
      by: id,
      changes: z.object({ name: title.optional(), gitUrl: url.optional(), defaultBranch: branch.optional() }),
    },
    {
      to: ["queue", "rig"],
      example: { by: BY, changes: { defaultBranch: "main" } },
      ignored: {
        queue: "Only what stands in the way of a merge may be gone with it.",
        rig: "What was never set up has nothing to change.",
      },
    },
  ),
  /** A newer Ticktown took the rig over: from here on its rules hold. */
  fact(
    "rig.upgraded",
    { rules, version: z.string().max(64) },
    { to: ["rig"], example: { rules: NEWEST_RULES, version: TICKTOWN_VERSION } },
  ),
  /** Not named `settings`: that is what a machine gets beside every fact. */
  fact(
    "rig.settings_changed",
    { changes: SettingsChange },
    {
      to: ["rig", "budget", "accounts"],
      example: { changes: {} },
      ignored: {
        budget: "No cap is reached by it, or left.",
        accounts: "Only that nothing is held any more ends what is.",
      },
    },
  ),
  /** What clones are made by was changed: who waits for a place that was not fit has nothing left to wait for. */
  fact(
    "place.changed",
    {},
    {
      to: ["every agent"],
      arms: true,
      example: {},
      ignored: { agent: "It does not wait for a place." },
    },
  ),
  /** A key may be right now that was not taken before. */
  fact(
    "secrets.changed",
    {},
    {
      to: ["every agent", "accounts"],
      arms: true,
      example: {},
      ignored: { agent: "Its key was taken, or was never asked for.", accounts: "None is limited." },
    },
  ),
  fact(
    "rig.paused",
    { by: id },
    {
      to: ["rig"],
      example: { by: BY },
      command: { rig: { command: "pause", already: ["rig.life.alive.paused"], judge: "rig.life" } },
    },
  ),
  fact(
    "rig.resumed",
    { by: id },
    {
      to: ["rig"],
      arms: true,
      example: { by: BY },
      ignored: { rig: "What was not held back, and whose container has room, has nothing to go on with." },
      command: { rig: { command: "resume", already: ["rig.life.alive.open"], judge: "rig.life" } },
    },
  ),
  /** `atOnce`: everything of the rig was ended within seconds, and nobody was waited for. */
  fact(
    "rig.draining",
    { by: id, atOnce: z.literal(true).optional() },
    {
      to: ["rig", "every agent"],
      stopsAs: "evicted",
      example: { by: BY },
      variants: [{ name: "" }, { name: "at once", of: "rig", fields: { atOnce: true } }],
      ignored: {
        agent:
          "Only a process is stopped. Without one there is nothing to hand back; the rig grants nothing while it drains.",
      },
      command: { rig: { command: "drain", already: ["rig.life.draining"], judge: "rig.life" } },
    },
  ),
  fact(
    "rig.destroyed",
    { by: id },
    {
      to: ["rig", "every agent"],
      example: { by: BY },
      ignored: {
        agent: "Only a process is stopped. Nothing else of a deleted rig matters any more.",
        rig: "Destroyed is for ever.",
      },
    },
  ),
  /**
   * It was brought back from a file, and what came after that file is lost. No dispatch, claim or token of before counts; nothing is started or
   * merged before somebody resumes it. `secrets`: those that it had, which no file holds.
   */
  fact(
    "rig.imported",
    { by: id, secrets: z.array(z.string().max(LIMITS.id_chars)).max(LIMITS.secrets_named) },
    {
      to: ["rig", "every agent", "every open review", "queue"],
      stopsAs: "evicted",
      example: { by: BY, secrets: ["GIT_TOKEN"] },
    },
  ),
  fact(
    "rig.activity_changed",
    { active: z.boolean() },
    {
      to: ["rig"],
      example: { active: true },
      variants: [{ name: "active" }, { name: "idle", fields: { active: false } }],
      ignored: { rig: "An edge: told again it changes nothing." },
    },
  ),
  fact(
    "container.unreachable",
    { error: reason },
    { to: ["rig"], example: { error: TEXT }, ignored: { rig: "One outage is one alert." } },
  ),
  fact(
    "container.reachable",
    {},
    { to: ["rig"], example: {}, ignored: { rig: "An edge: told again it changes nothing." } },
  ),
  /** The control server is another one than the rig knew: what the one before had taken on died with it. */
  fact(
    "container.instance_changed",
    { instance: id },
    {
      to: ["every open review", "queue", "rig"],
      example: { instance: "instance-x" },
      ignored: {
        review: "Only a merge that was asked for can have died. A queued one is asked for when its turn comes.",
        queue: "Only a train that runs can have died.",
        rig: "The instance that is known already.",
      },
    },
  ),
  /**
   * What the town's container can do: found out when it is first asked, and told again when it says otherwise. `dispatchIds` false: it
   * knows none, and its agents are fenced by who they are and by their hook; absent: nothing was seen that says so.
   */
  fact(
    "container.met",
    {
      inspects: z.boolean(),
      ephemeral: z.boolean(),
      trains: z.boolean().optional(),
      dispatchIds: z.boolean().optional(),
      /** Which coding agent it runs where nothing is asked for; null: a plain command. */
      runtime: z.string().max(LIMITS.runtime_chars).nullable().optional(),
    },
    {
      to: ["rig"],
      example: { inspects: true, ephemeral: false },
      variants: [
        { name: "" },
        { name: "it runs trains", fields: { trains: true } },
        { name: "it has a coding agent of its own", fields: { runtime: "claude" } },
        { name: "it knows no dispatch ids", fields: { inspects: false, dispatchIds: false } },
      ],
      ignored: { rig: "Told again it changes nothing." },
    },
  ),
  /** The container has had for some time what the rig does not know: it is told to stop and to remove it. `total`: with what is not named. */
  fact(
    "strays.found",
    { ...STRAYS, total: z.int().min(1) },
    {
      to: ["rig"],
      example: {
        processes: [{ agentId: "agent-gone", dispatchId: "agent-gone:1", since: 0 }],
        clones: [{ agentId: "agent-gone", branch: "ticktown/bead-gone", beadId: "bead-gone", since: 0 }],
        folders: [],
        total: 2,
      },
    },
  ),
  /** Nothing of it is there any more. */
  fact("strays.gone", {}, { to: ["rig"], example: {}, ignored: { rig: "An edge: told again it changes nothing." } }),
] as const;
