import { Menu, Modal } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { gateOf } from "../../../src/machines/rig.ts";
import { RigPicker } from "../board/welcome.tsx";
import * as actions from "../lib/actions.ts";
import { paths, type Route } from "../lib/routes.ts";
import { duration, timeOfDay, useSeconds } from "../lib/time.ts";
import { useTitle } from "../lib/title.ts";
import { follows, href } from "../lib/url.ts";
import { useRig, useStore } from "../lib/use-rig.ts";
import { useDialog } from "./dialogs.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { openPalette } from "./palette.tsx";
import { Btn, Go, Kbd, State, type Tone } from "./parts.tsx";
import { useToasts } from "./toasts.tsx";

/** What is around every page: the bar, what concerns the whole page, and the tabs of a phone. */

const Logo = () => (
  <svg viewBox="0 0 26 26" aria-hidden="true">
    <rect width="26" height="26" rx="6" fill="#0b6353" />
    <circle cx="13" cy="13" r="7" fill="none" stroke="#fff" strokeWidth="2" />
    <path d="M13 9v4.3l2.8 1.7" fill="none" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
  </svg>
);

const Brand = () => (
  <Go to={paths.overview} className="brand" aria-label="Ticktown, all rigs">
    <Logo />
    <span>Ticktown</span>
  </Go>
);

const Tabs = ({ label, tabs, now }: { label: string; tabs: readonly Tab[]; now: string }) => (
  <nav className="bar-tabs" aria-label={label}>
    {tabs.map(({ page, name, to }) => (
      <Go key={page} to={to} aria-current={page === now ? "page" : undefined}>
        {name}
      </Go>
    ))}
  </nav>
);
interface Tab {
  readonly page: string;
  readonly name: string;
  readonly to: string;
}

const Find = () => (
  <button type="button" className="find-all" aria-keyshortcuts="Control+K" onClick={openPalette}>
    <Icon name="search" />
    <span className="grow clip">Search or run a command</span>
    <Kbd>Ctrl K</Kbd>
  </button>
);

const TOWN_TABS: readonly Tab[] = [
  { page: "overview", name: "Rigs", to: paths.overview },
  { page: "needs", name: "Needs", to: paths.needs },
  { page: "settings", name: "Settings", to: paths.settings },
];
const TOWN_TITLES: Record<string, string> = {
  overview: "All rigs",
  needs: "Needs of all rigs",
  new: "New rig",
  settings: "Settings",
  debug: "Debugger",
  unknown: "Not found",
};

/** A page that is of no rig. */
export function TownShell({ route, live, children }: { route: Route; live?: ReactNode; children: ReactNode }) {
  useTitle(TOWN_TITLES[route.page] ?? "");
  return (
    <>
      <header className="bar">
        <Brand />
        <div className="crumb">
          <span aria-hidden="true">/</span>
          <b>{TOWN_TITLES[route.page] ?? "All rigs"}</b>
        </div>
        <Tabs label="Pages" tabs={TOWN_TABS} now={route.page} />
        <span className="grow" />
        {live !== undefined && <Find />}
        {live}
      </header>
      {children}
      {live !== undefined && (
        <nav className="dock" aria-label="Pages on a phone">
          {TOWN_TABS.map(({ page, name, to }) => (
            <Go key={page} to={to} aria-current={page === route.page ? "page" : undefined}>
              <Icon name={TOWN_ICONS[page] ?? "board"} />
              <span>{name}</span>
            </Go>
          ))}
        </nav>
      )}
    </>
  );
}

const TOWN_ICONS: Record<string, IconName> = { overview: "board", needs: "warn", settings: "bell" };

const rigTabs = (rigId: string): readonly Tab[] => [
  { page: "rig", name: "Board", to: paths.rig(rigId) },
  { page: "run", name: "Night", to: paths.run(rigId) },
  { page: "log", name: "Log", to: paths.log(rigId) },
  { page: "rig-settings", name: "Settings", to: paths.rigSettings(rigId) },
  { page: "debug", name: "Debugger", to: href(paths.debug, { rig: rigId }) },
];
const RIG_TITLES: Record<string, string> = {
  run: "Night · ",
  log: "Log · ",
  since: "Since you looked · ",
  "rig-settings": "Settings · ",
  debug: "Debugger · ",
};

/** A page of one rig. */
export function RigShell({ route, rigId, children }: { route: Route; rigId: string; children: ReactNode }) {
  const { world, line } = useRig();
  const name = world?.rig.context.config?.name ?? rigId;
  // A bead's page says its own title.
  const [isPicking, setPicking] = useState(false);
  const tabs = rigTabs(rigId);
  useEffect(() => {
    document.documentElement.dataset["line"] = line;
    return () => void delete document.documentElement.dataset["line"];
  }, [line]);
  return (
    <>
      {route.page !== "bead" && <RigTitle text={`${RIG_TITLES[route.page] ?? ""}${name}`} />}
      <header className="bar">
        <Brand />
        <div className="crumb">
          <span aria-hidden="true">/</span>
          <button
            type="button"
            className="pick"
            onClick={() => setPicking(true)}
            aria-haspopup="dialog"
            aria-label={`${name}: choose another rig`}
          >
            <span className="clip">{name}</span>
            <Icon name="down" />
          </button>
          {world !== null && <Gate />}
        </div>
        <Tabs label="Rig" tabs={tabs} now={route.page === "bead" ? "rig" : route.page} />
        <span className="grow" />
        <Find />
        <LineBadge />
        <RigMenu tabs={tabs} />
      </header>
      <Stale />
      {children}
      <Modal
        opened={isPicking}
        onClose={() => setPicking(false)}
        title="Choose a rig"
        size="lg"
        radius="md"
        zIndex={250}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <RigPicker current={rigId} pathOf={pickPath(route)} onPick={() => setPicking(false)} />
      </Modal>
    </>
  );
}

const RigTitle = ({ text }: { text: string }) => {
  useTitle(text);
  return null;
};

/** The same page of another rig. */
const pickPath = (route: Route): ((rigId: string) => string) => {
  switch (route.page) {
    case "debug":
      return (rigId) => href(paths.debug, { rig: rigId });
    case "run":
      return paths.run;
    case "since":
      return paths.since;
    case "rig-settings":
      return paths.rigSettings;
    default:
      return paths.rig;
  }
};

const GATE: Record<ReturnType<typeof gateOf>, readonly [tone: Tone, icon: IconName, text: string]> = {
  open: ["good", "gate", "Gate open"],
  probe: ["warn", "bolt", "One is tried"],
  no_config: ["warn", "warn", "No repository"],
  paused: ["plain", "pause", "Paused"],
  draining: ["busy", "clock", "Draining"],
  outage: ["bad", "bolt", "Outage"],
  breaker_open: ["bad", "bolt", "Breaker open"],
  destroyed: ["bad", "fail", "Deleted"],
};

/** Whether new work may start, in words. */
export function Gate() {
  const { world } = useRig();
  if (world === null) return null;
  const [tone, icon, text] = GATE[gateOf(world.rig)];
  return (
    <State tone={tone} icon={icon}>
      {text}
    </State>
  );
}

/** Whether what is seen is now, and if not, since when. */
export function LineBadge() {
  const store = useStore();
  const { line, lostAt } = useRig();
  const now = useSeconds();
  if (line === "live")
    return (
      <span className="live" title="Pushed over a socket; nothing is asked for again">
        <Icon name="live" />
        Live
      </span>
    );
  if (line === "connecting" && (lostAt === null || now - lostAt < 2_000))
    return (
      <span className="live quiet">
        <Icon name="live" />
        Connecting
      </span>
    );
  return (
    <button type="button" className="live lost" onClick={() => store.retry()} title="What you see may be old">
      <Icon name="stale" />
      Stale for {duration(lostAt === null ? 0 : now - lostAt)}
    </button>
  );
}

/** Since when nothing is heard of the rig, in one line under the bar. */
function Stale() {
  const store = useStore();
  const { line, lostAt, error, world } = useRig();
  const now = useSeconds();
  if (world === null || error !== null || line === "live" || lostAt === null || now - lostAt < 2_000) return null;
  return (
    <div className="note bad" role="status">
      <Icon name="stale" />
      <span className="grow">
        <b>Not live since {timeOfDay(lostAt)}.</b> What you see is {duration(now - lostAt)} old. Connecting again by
        itself; what you type is kept.
      </span>
      <Btn isSmall onClick={() => store.retry()}>
        Try now
      </Btn>
    </div>
  );
}

/** What may be done with the whole rig, and new work. */
function RigMenu({ tabs }: { tabs: readonly Tab[] }) {
  const { rigId } = useStore();
  const { world } = useRig();
  const toasts = useToasts();
  const ask = useDialog();
  if (world === null) return null;
  const gate = gateOf(world.rig);
  const life = (to: "pause" | "resume" | "drain", failed: string) => () =>
    void toasts.act(() => actions.setLife(rigId, to), failed);
  return (
    <>
      <Menu position="bottom-end" width={270} shadow="md">
        <Menu.Target>
          <Btn kind="ghost" isSquare aria-label="More for this rig">
            <Icon name="more" />
          </Btn>
        </Menu.Target>
        <Menu.Dropdown>
          {tabs.map(({ page, name, to }) => (
            <Menu.Item key={page} component="a" href={to} onClick={follows}>
              {name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          {gate === "paused" || gate === "draining" ? (
            <Menu.Item onClick={life("resume", "The rig was not resumed")}>Resume</Menu.Item>
          ) : (
            <Menu.Item onClick={life("pause", "The rig was not paused")}>Pause: dispatch nothing new</Menu.Item>
          )}
          {gate !== "draining" && (
            <Menu.Item
              onClick={() =>
                ask({
                  type: "confirm",
                  title: "Drain this rig?",
                  text: "Nothing new is dispatched and running agents are asked to hand their work back. It resumes from their checkpoints.",
                  yes: "Drain",
                  isGrave: true,
                  doing: () => actions.setLife(rigId, "drain"),
                  failed: "The rig was not drained",
                })
              }
            >
              Drain: hand work back…
            </Menu.Item>
          )}
          <Menu.Divider />
          <Menu.Item onClick={() => void toasts.act(() => actions.tickNow(rigId), "The rig did not tick")}>
            Look at everything now
          </Menu.Item>
          <Menu.Item onClick={() => ask({ type: "mail", to: null })} disabled={world.agents.size === 0}>
            Write to an agent…
          </Menu.Item>
          <Menu.Item onClick={() => ask({ type: "hook", agentId: null, beadId: null })}>
            Give work to an agent…
          </Menu.Item>
          <Menu.Item onClick={() => void toasts.act(() => actions.replay(rigId), "Replay found a difference")}>
            Replay the journal and compare
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Btn kind="primary" className="wide" hotkey="S" onClick={() => ask({ type: "sling" })}>
        Sling work
      </Btn>
    </>
  );
}
