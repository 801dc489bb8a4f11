/** The live view: looks at the rigs every two seconds, and does what a key says. */
import type { Agent, Bead } from "../../scripts/stack/api-client.ts";
import { linkToBoard } from "../../scripts/stack/link.ts";
import { messageOf } from "../../scripts/stack/errors.ts";
import type { StreamTicket } from "../../src/wire/container.ts";
import type { Context } from "../context.ts";
import { rigPath } from "../find.ts";
import { follow, lineOf } from "../follow.ts";
import { allNeeds } from "../needs.ts";
import { oneLine } from "../text.ts";
import { answerTo, reply } from "../verbs/people.ts";
import { type Act, keysIn, press } from "./keys.ts";
import { render, type Runner, type Seen, type Size, type View } from "./view.ts";

/** A terminal, or what stands for one. */
export interface Screen {
  readonly size: () => Size;
  readonly draw: (lines: readonly string[]) => void;
  /** What is typed, as it is sent. */
  readonly keys: AsyncIterable<string>;
}

const LOOK_MS = 2_000;
const FOLLOWED_LINES = 500;
const AT_WORK: ReadonlySet<string> = new Set(["working", "blocked", "restarting"]);
const SHOWN_STATES = ["open", "in_progress", "in_review", "failed", "closed"] as const;

/** @throws Failure when nobody answers */
export async function look(context: Context): Promise<Seen> {
  const rigs = await context.find.rigs();
  const [needs, ...ofRigs] = await Promise.all([
    allNeeds(context),
    ...rigs.map(async (rig) => {
      const [agents, health] = await Promise.all([
        context.find.agents(rig),
        context.api.call<{ counts: { beads: Record<string, number> } }>("GET", rigPath(rig, "/health")),
      ]);
      const working = agents.filter(({ status }) => AT_WORK.has(status));
      return {
        counts: health.counts.beads,
        runners: await Promise.all(working.map((agent) => runnerOf(rig.id, agent, context))),
      };
    }),
  ]);
  const beads = Object.fromEntries(
    SHOWN_STATES.flatMap((status) => {
      const count = ofRigs.reduce((sum, { counts }) => sum + (counts[status] ?? 0), 0);
      return count === 0 ? [] : [[status, count]];
    }),
  );
  const runners = ofRigs.flatMap((one) => one.runners);
  // As `ticktown needs` lists them.
  const needed = needs.filter(({ need }) => need.level !== "know");
  return { url: context.where().url, needs: needed, runners, beads, at: context.now(), trouble: null };
}

async function runnerOf(rig: string, agent: Agent, { api }: Context): Promise<Runner> {
  const hook = agent.current_hook_bead_id;
  const path = `/api/rigs/${encodeURIComponent(rig)}/beads/${encodeURIComponent(hook ?? "")}`;
  const bead = hook === null ? null : await api.call<Bead>("GET", path).catch(() => null);
  return {
    rig,
    id: agent.id,
    name: agent.name,
    status: agent.status,
    title: bead?.title ?? "",
    says: agent.status_line ?? "",
    lastActivityAt: agent.last_activity_at,
  };
}

export const viewOf = (seen: Seen): View => ({ seen, selected: null, asking: null, following: null, told: "" });

/** Until somebody quits, or the keys end. */
export async function feed(context: Context, screen: Screen): Promise<void> {
  let view = viewOf(await look(context));
  let followed = new AbortController();
  const show = (next: View): void => {
    view = next;
    screen.draw(render(view, screen.size()));
  };
  const refresh = async (): Promise<void> => {
    const seen = await look(context).catch((error: unknown): Seen => ({ ...view.seen, trouble: messageOf(error) }));
    show({ ...view, seen });
  };
  const startFollowing = (agentId: string, name: string): void => {
    followed = new AbortController();
    const lines: string[] = [];
    show({ ...view, following: { name, lines } });
    void followAgent(agentId, context, AbortSignal.any([followed.signal, context.signal]), (line) => {
      lines.push(line);
      lines.splice(0, Math.max(0, lines.length - FOLLOWED_LINES));
      if (view.following !== null) show({ ...view, following: { name, lines: [...lines] } });
    }).catch((error: unknown) => show({ ...view, told: messageOf(error) }));
  };
  const timer = setInterval(() => void refresh(), LOOK_MS);
  /** @returns whether somebody has quit */
  const onKey = async (key: string): Promise<boolean> => {
    const { view: next, act } = press(view, key);
    show(next);
    if (act === null) return false;
    if (act.type === "quit") return true;
    followed.abort();
    if (act.type === "follow") startFollowing(act.agentId, act.name);
    else if (act.type !== "back") {
      const told = await done(act, context).catch((error: unknown) => messageOf(error));
      show({ ...view, told });
      await refresh();
    }
    return false;
  };
  const typing = (async () => {
    show(view);
    for await (const chunk of screen.keys) for (const key of keysIn(chunk, view)) if (await onKey(key)) return;
  })();
  try {
    const aborted = new Promise<void>((resolve) =>
      context.signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    await Promise.race([typing, aborted]);
  } finally {
    clearInterval(timer);
    followed.abort();
  }
}

type Doing = Exclude<Act, { type: "follow" } | { type: "quit" } | { type: "back" }>;

/** @returns what was done, in words */
async function done(act: Doing, context: Context): Promise<string> {
  switch (act.type) {
    case "reply": {
      const choice = act.choice.id === null ? answerTo(act.to.need, act.choice.label) : act.choice;
      return (await reply(act.to, choice, context)).text;
    }
    case "retry": {
      const { rig, need } = act.of;
      const ids = need.beads.map(({ id }) => id);
      await context.api.call("POST", rigPath(rig, "/beads/retry"), { ids });
      return `tried again: ${need.beads.map(({ title }) => oneLine(title)).join(", ")}`;
    }
    case "settle": {
      const { rig, need } = act.of;
      for (const { id } of need.escalations)
        await context.api.call("POST", rigPath(rig, `/beads/${encodeURIComponent(id)}/close`), {
          agent_id: "operator",
        });
      return `settled: ${oneLine(need.title)}`;
    }
    default:
      return linkToBoard({ url: context.where().url, api: context.api });
  }
}

async function followAgent(
  agentId: string,
  context: Context,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<void> {
  const { rig } = await context.find.agent(agentId);
  const path = `/api/towns/${encodeURIComponent(rig.town_id)}/container/agents/${encodeURIComponent(agentId)}`;
  await follow({
    after: 0,
    signal,
    print: (event) => {
      const line = lineOf(event);
      if (line !== null) print(line);
    },
    open: async (after) => {
      const { ticket } = await context.api.call<StreamTicket>("POST", `${path}/stream-ticket`, {});
      return `${context.where().url.replace(/^http/, "ws")}${path}/stream?${new URLSearchParams({ ticket, after: String(after) })}`;
    },
    isAlive: async () => true,
  });
}
