/** Verbs about agents and what they print. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Agent, RigInfo } from "../../scripts/stack/api-client.ts";
import { stopEverything } from "../../scripts/stack/stop.ts";
import type { Attempt } from "../../src/wire/attempts.ts";
import type { AgentEvents, MessageAnswer, StreamTicket } from "../../src/wire/container.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { follow, lineOf, type Printed } from "../follow.ts";
import { rigPath } from "../find.ts";
import { ago, columns, oneLine, plural, printable } from "../text.ts";
import { type Answer, verb } from "../verb.ts";
import { stateFolder } from "../where.ts";

const AGENT = { about: "its name, the title of its bead, or the beginning of an id" } as const;

export const agents = verb({
  name: "agents",
  about: "the agents: what each one does",
  effect: "reads",
  args: {},
  options: {},
  run: async (_, { find, now }) => {
    const found = await Promise.all(
      (await find.rigs()).map(async (rig) => {
        const [agents, beads] = await Promise.all([
          find.agents(rig),
          find.beads(rig, "&type=issue&status=in_progress"),
        ]);
        const titles = new Map(beads.map(({ id, title }) => [id, title]));
        return agents.map((it) => ({ rig, it, on: titles.get(it.current_hook_bead_id ?? "") ?? "" }));
      }),
    );
    const rows = found.flat();
    return {
      data: rows.map(({ rig, it }) => ({ ...it, rig: rig.id })),
      text: columns(
        rows.map(({ rig, it, on }) => [
          it.name,
          ...(found.length > 1 ? [rig.name] : []),
          it.status,
          ago(it.last_activity_at, now()),
          [on, it.status_line ?? ""].filter(Boolean).join(": "),
        ]),
        "no agents yet: they come with the first bead",
      ),
    };
  },
});

const containerPath = ({ town_id }: RigInfo, { id }: Pick<Agent, "id">, rest: string): string =>
  `/api/towns/${encodeURIComponent(town_id)}/container/agents/${encodeURIComponent(id)}/${rest}`;

/** What its newest run printed. */
async function printed(rig: RigInfo, agent: Agent, { api }: Context): Promise<Printed[]> {
  const path = containerPath(rig, agent, "events?after=0");
  const { events } = await api.call<AgentEvents>("GET", path);
  // What is kept is of all its runs.
  const begun = events.findLastIndex(({ type }) => type === "agent_started");
  return events.slice(Math.max(0, begun)).map(({ id, type, data }) => ({ id, type, data }));
}

const WORKS: ReadonlySet<string> = new Set(["working", "blocked", "restarting"]);

export const logs = verb({
  name: "logs",
  about: "what an agent printed; with -f, also what it prints from now on",
  more: "Of a bead that no agent has any more, the end of what each attempt printed.",
  effect: "reads",
  examples: [`logs "Fix the login"`, "logs -f polecat-2"],
  args: { what: AGENT },
  options: {
    follow: { type: "flag", about: "go on until its process ends, or Ctrl-C", short: "f", atTerminal: true },
    lines: { type: "number", about: "only the last of them", value: "N", short: "n" },
  },
  run: async ({ what, follow: goesOn, lines: most }, context) => {
    const found = await context.find.agentOf(what).catch((error: unknown) => {
      if (error instanceof Failure && error.exit === "unknown" && !goesOn) return null;
      throw error;
    });
    if (found === null) return attemptsOf(what, context);
    const { rig, it: agent } = found;
    const events = await printed(rig, agent, context).catch((error: unknown) => {
      // A container that was started again knows nothing of it.
      if (error instanceof Failure && error.exit === "unknown" && !goesOn) return [];
      throw error;
    });
    const shown = most === undefined ? events : events.slice(Math.max(0, events.length - most));
    const text = shown
      .map(lineOf)
      .filter((line) => line !== null)
      .join("\n");
    if (!goesOn) return events.length === 0 ? attemptsOf(what, context) : { data: shown, text };
    const { json } = context.globals;
    const print = (event: Printed): void => {
      const line = json === true ? JSON.stringify(event) : lineOf(event);
      if (line !== null) context.out(line);
    };
    shown.forEach(print);
    await follow({
      after: events.at(-1)?.id ?? 0,
      print,
      signal: context.signal,
      open: async (after) => {
        const { ticket } = await context.api.call<StreamTicket>("POST", containerPath(rig, agent, "stream-ticket"), {});
        const search = new URLSearchParams({ ticket, after: String(after) });
        return `${context.where().url.replace(/^http/, "ws")}${containerPath(rig, agent, `stream?${search}`)}`;
      },
      isAlive: async () => {
        const now = await context.api.call<Agent>("GET", rigPath(rig, `/agents/${encodeURIComponent(agent.id)}`));
        return WORKS.has(now.status) && now.current_hook_bead_id === agent.current_hook_bead_id;
      },
    });
    return { data: null, text: "" };
  },
});

async function attemptsOf(what: string, { find, api, now }: Context) {
  const { rig, it: bead } = await find.bead(what);
  const attempts = await api.call<Attempt[]>("GET", rigPath(rig, `/beads/${encodeURIComponent(bead.id)}/attempts`));
  const text = attempts.map(({ ended_at, status, reason, tail }) =>
    [`-- ${status}, ${oneLine(reason)} (${ago(ended_at, now())})`, printable(tail).trimEnd()].join("\n"),
  );
  return {
    data: attempts,
    text: text.length === 0 ? `nothing was printed for "${oneLine(bead.title)}" so far` : text.join("\n"),
  };
}

/** Whether it has reached the agent; what is held is not counted as said, since nothing keeps it beyond the agent's process. */
export const toldOf = (name: string, { sent }: MessageAnswer): string =>
  sent
    ? `${oneLine(name)} was told`
    : `${oneLine(name)} was not told yet: it is held until the turn that runs is over, and lost if its process ends before`;

export const message = verb({
  name: "message",
  about: "say something to an agent while it works",
  effect: "changes",
  args: { what: AGENT, words: { about: "what is said", many: true } },
  options: {},
  run: async ({ what, words }, { find, api }) => {
    const { rig, it } = await find.agentOf(what);
    const body = { prompt: words.join(" ") };
    const answer = await api.call<MessageAnswer>("POST", containerPath(rig, it, "message"), body);
    return { data: answer, text: toldOf(it.name, answer) };
  },
});

const heldPath = (rig: RigInfo, { id }: Pick<Agent, "id">, act: "hold" | "release"): string =>
  rigPath(rig, `/agents/${encodeURIComponent(id)}/${act}`);

export const agentHold = verb({
  name: "agent hold",
  about: "start nothing new with an agent until it is released; what it does now goes on",
  effect: "changes",
  args: { what: AGENT, reason: { about: "why, for whoever asks why it rests", many: true, optional: true } },
  options: {},
  examples: ["agent hold polecat-1 its clone is looked at"],
  run: async ({ what, reason }, { find, api }) => {
    const { rig, it } = await find.agentOf(what);
    const why = reason.join(" ");
    const held = await api.call<Agent>("POST", heldPath(rig, it, "hold"), { reason: why });
    return { data: held, text: `${oneLine(it.name)} is held${why === "" ? "" : `: ${oneLine(why)}`}` };
  },
});

export const agentRelease = verb({
  name: "agent release",
  about: "let an agent that is held start again",
  effect: "changes",
  args: { what: AGENT },
  options: {},
  run: async ({ what }, { find, api }) => {
    const { rig, it } = await find.agentOf(what);
    const free = await api.call<Agent>("POST", heldPath(rig, it, "release"));
    return { data: free, text: `${oneLine(it.name)} is held no more` };
  },
});

/** What `POST /api/stop` answers. */
interface AllStopped {
  readonly rigs: number;
  readonly failed: number;
  readonly unreachable: number;
  readonly left: number;
}

async function stopAll(context: Context): Promise<Answer> {
  const { env, cwd, globals, api } = context;
  const dir = stateFolder(globals.state, cwd);
  const isElsewhere = globals.url !== undefined || (globals.state === undefined && Boolean(env["TICKTOWN_URL"]));
  if (isElsewhere || !existsSync(path.join(dir, "container"))) {
    const done = await api.call<AllStopped>("POST", "/api/stop");
    const { rigs, failed, unreachable, left } = done;
    const trouble = failed + unreachable + left > 0;
    const text = trouble
      ? `${plural(rigs, "rig")} told: ${failed} did not answer, ${unreachable} have a container that does not, ${left} processes left`
      : `${plural(rigs, "rig")} stopped, and nothing of them runs`;
    return { data: done, text, exit: trouble ? 1 : 0 };
  }
  const done = await stopEverything(dir, env);
  const told =
    done.rigs === null
      ? "no Worker answers: the next one starts nothing before it is resumed"
      : `${plural(done.rigs, "rig")} told`;
  return {
    data: done,
    text: `stopped within ${done.ms} ms, ${done.left} processes left; ${told}. It goes on with \`ticktown resume --all\``,
    exit: done.left > 0 ? 1 : 0,
  };
}

export const stop = verb({
  name: "stop",
  about: "take the bead away from an agent: its process is stopped, and the bead waits for another try",
  more: `With --hold the rig is paused first, so that nobody begins on it at once. With --all everything of all rigs is stopped instead: within 5 s
no process of any rig is left and none is started, also where the Worker or the control server does not answer; nobody is charged for it. It goes on with
\`ticktown resume --all\`.`,
  effect: "changes",
  args: { what: { ...AGENT, optional: true } },
  options: {
    hold: { type: "flag", about: "pause the rig first" },
    all: { type: "flag", about: "everything of every rig, at once", short: "a", atTerminal: true },
  },
  examples: ["stop polecat-1 --hold", "stop --all"],
  run: async ({ what, hold, all }, context) => {
    const { find, api } = context;
    if (all) return stopAll(context);
    if (what === undefined) throw new Failure("misuse", "name an agent, or stop everything with --all");
    const { rig, it } = await find.agentOf(what);
    if (hold) await api.call("POST", rigPath(rig, "/pause"));
    const done = await api.call("DELETE", rigPath(rig, `/agents/${encodeURIComponent(it.id)}/hook`));
    return { data: done, text: `${oneLine(it.name)} is asked to stop${hold ? `, and ${rig.name} is paused` : ""}` };
  },
});

export const AGENTS = [agents, logs, message, agentHold, agentRelease, stop];
