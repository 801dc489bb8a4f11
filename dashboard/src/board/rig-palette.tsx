import { useCallback } from "react";
import { gateOf } from "../../../src/machines/rig.ts";
import * as actions from "../lib/actions.ts";
import { agentStateOf } from "../lib/does-now.ts";
import { placeOf } from "../lib/lists.ts";
import { commandsOnMany } from "../lib/commands.ts";
import { agentName, beadTitle } from "../lib/names.ts";
import { paths } from "../lib/routes.ts";
import { go, href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { PLACE_WORDS } from "../lib/work.ts";
import { useDialog } from "../ui/dialogs.tsx";
import { openList } from "../ui/parts.tsx";
import { matches, Palette, type Found } from "../ui/palette.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { KNOWN_RIGS } from "./known-rigs.ts";

/** How many of a kind are listed: who looks for more types more. */
const SHOWN = 8;

/** What can be found and done from a page of one rig. */
export function RigPalette() {
  const { rigId } = useStore();
  const { state, world, now } = useWorld();
  const toasts = useToasts();
  const ask = useDialog();
  const find = useCallback(
    (typed: string): Found[] => {
      const run = (doing: () => Promise<actions.Done>, refused: string) => () => void toasts.act(doing, refused);
      const commands = commandsOf({ rigId, state, world, now, run, ask }).filter(({ text }) => matches(text, typed));
      const pages = pagesOf(rigId).filter(({ text }) => matches(text, typed));
      if (typed === "") return [...commands, ...pages];
      return [...commands, ...workOf(rigId, state, world, now, typed), ...agentsOf(rigId, world, typed), ...pages];
    },
    [rigId, state, world, now, toasts, ask],
  );
  return <Palette find={find} />;
}

type Shown = Pick<ReturnType<typeof useWorld>, "state" | "world" | "now"> & {
  rigId: string;
  run: (doing: () => Promise<actions.Done>, refused: string) => () => void;
  ask: ReturnType<typeof useDialog>;
};

function commandsOf({ rigId, state, world, now, run, ask }: Shown): Found[] {
  const gate = gateOf(world.rig);
  const isStopped = gate === "paused" || gate === "draining";
  const section = "Commands";
  return [
    ...commandsOnMany({ rigId, world, content: state.content, now, run }),
    { key: "sling", section, icon: "plus", text: "Sling work…", aside: "S", act: () => ask({ type: "sling" }) },
    {
      key: "life",
      section,
      icon: isStopped ? "play" : "pause",
      text: isStopped ? "Resume the rig" : "Pause the rig: start nothing new",
      act: run(() => actions.setLife(rigId, isStopped ? "resume" : "pause"), "The rig stays as it is"),
    },
    { key: "mail", section, icon: "mail", text: "Write to an agent…", act: () => ask({ type: "mail", to: null }) },
    {
      key: "hook",
      section,
      icon: "right",
      text: "Give work to an agent…",
      act: () => ask({ type: "hook", agentId: null, beadId: null }),
    },
    {
      key: "queue",
      section,
      icon: "merge",
      text: "Try the train again now",
      act: run(() => actions.resumeQueue(rigId), "The train was not tried"),
    },
    {
      key: "tick",
      section,
      icon: "search",
      text: "Look at everything now",
      act: run(() => actions.tickNow(rigId), "The rig did not look"),
    },
  ];
}

function workOf(
  rigId: string,
  { content }: Shown["state"],
  world: Shown["world"],
  now: number,
  typed: string,
): Found[] {
  const found: Found[] = [];
  for (const bead of world.beads.values()) {
    const { id, assignee } = bead.context;
    const title = beadTitle(content, id);
    if (!matches(`${title} ${id}`, typed)) continue;
    const place = placeOf(bead, now);
    found.push({
      key: `bead ${id}`,
      section: "Work",
      icon: place === "closed" ? "done" : place === "failed" ? "fail" : "work",
      text: title,
      aside: place === "running" ? `${PLACE_WORDS[place]} · ${agentName(world, assignee)}` : PLACE_WORDS[place],
      act: () => go(paths.bead(rigId, id)),
    });
    if (found.length === SHOWN) break;
  }
  return found;
}

const agentsOf = (rigId: string, world: Shown["world"], typed: string): Found[] =>
  [...world.agents.values()]
    .filter(({ context }) => matches(`${context.name} ${context.id}`, typed))
    .slice(0, SHOWN)
    .map((agent) => ({
      key: `agent ${agent.context.id}`,
      section: "Agents",
      icon: "work",
      text: agent.context.name,
      aside: agentStateOf(agent).word,
      act: () => go(href(paths.rig(rigId), { show: `agent:${agent.context.id}` })),
    }));

function pagesOf(rigId: string): Found[] {
  const section = "Go to";
  const page = (text: string, to: string, icon: Found["icon"]): Found => ({
    key: to,
    section,
    icon,
    text,
    act: () => go(to),
  });
  const list = (text: string, id: string, icon: Found["icon"]): Found => ({
    key: `list ${id}`,
    section,
    icon,
    text,
    act: () => {
      go(paths.rig(rigId));
      requestAnimationFrame(() => openList(id));
    },
  });
  return [
    list("Needs", "needs", "warn"),
    list("Agents", "agents", "work"),
    list("Train", "train", "merge"),
    list("Work", "work", "list"),
    page("Night: the run over time", paths.run(rigId), "clock"),
    page("Since you looked", paths.since(rigId), "clock"),
    page("Log and mail", paths.log(rigId), "list"),
    page("Settings, secrets and slots", paths.rigSettings(rigId), "key"),
    page("Debugger", href(paths.debug, { rig: rigId }), "board"),
    page("All rigs", paths.overview, "board"),
    page("Needs of all rigs", paths.needs, "warn"),
    page("Notifications and sound", paths.settings, "bell"),
    ...KNOWN_RIGS.map((rig) => page(`Rig ${rig.name}`, paths.rig(rig.id), "board")),
  ];
}
