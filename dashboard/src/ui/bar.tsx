import { Button, Menu, Modal } from "@mantine/core";
import { useState } from "react";
import { gateOf } from "../../../src/machines/rig.ts";
import { RigPicker } from "../board/welcome.tsx";
import * as actions from "../lib/actions.ts";
import { duration, useSeconds } from "../lib/time.ts";
import { follows, href, usePlace } from "../lib/url.ts";
import { useRig, useStore } from "../lib/use-rig.ts";
import { Pill } from "./bits.tsx";
import { useDialog } from "./dialogs.tsx";
import { useToasts } from "./toasts.tsx";

const Logo = () => (
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="#0f6b5c" />
    <circle cx="16" cy="16" r="9.5" fill="none" stroke="#fff" strokeWidth="2.4" />
    <path
      d="M16 10.5V16l4 2.6"
      fill="none"
      stroke="#ffd166"
      strokeWidth="2.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  </svg>
);

/** The bar on top of both pages. */
export function Bar({ rigId, children }: { rigId: string | null; children?: React.ReactNode }) {
  const { path } = usePlace();
  const [isPicking, setPicking] = useState(false);
  return (
    <header className="bar">
      <div className="bar-in">
        <a className="brand" href={href("/", { rig: rigId })} onClick={follows} aria-label="Ticktown, the board">
          <Logo />
          <span>Ticktown</span>
        </a>
        <nav aria-label="Pages">
          <a href={href("/", { rig: rigId })} onClick={follows} aria-current={path === "/debug" ? undefined : "page"}>
            Board
          </a>
          <a
            href={href("/debug", { rig: rigId })}
            onClick={follows}
            aria-current={path === "/debug" ? "page" : undefined}
          >
            Debugger
          </a>
        </nav>
        {rigId !== null && (
          <button type="button" className="rig-button" onClick={() => setPicking(true)} aria-haspopup="dialog">
            <RigName rigId={rigId} />
            <span aria-hidden="true">▾</span>
          </button>
        )}
        {children}
      </div>
      <Modal
        opened={isPicking}
        onClose={() => setPicking(false)}
        title="Choose a rig"
        size="lg"
        radius="md"
        zIndex={250}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <RigPicker current={rigId} path={path} onPick={() => setPicking(false)} />
      </Modal>
    </header>
  );
}

const RigName = ({ rigId }: { rigId: string }) => {
  const { world } = useRig();
  return <span>{world?.rig.context.config?.name ?? rigId}</span>;
};

const GATE: Record<ReturnType<typeof gateOf>, [tone: string, text: string]> = {
  open: ["good", "open"],
  probe: ["warn", "probing"],
  no_config: ["warn", "no repository"],
  paused: ["warn", "paused"],
  draining: ["warn", "draining"],
  outage: ["bad", "outage"],
  breaker_open: ["bad", "suspended"],
  destroyed: ["bad", "deleted"],
};

/** The rig's gate, its line, and what may be done with it. */
export function RigBar() {
  const { rigId } = useStore();
  const { world } = useRig();
  const toasts = useToasts();
  const ask = useDialog();
  if (world === null) return <span className="grow" />;
  const gate = gateOf(world.rig);
  const [tone, text] = GATE[gate];
  const canResume = gate === "paused" || gate === "draining";
  return (
    <>
      <Pill tone={tone}>{text}</Pill>
      <LineBadge />
      <span className="grow" />
      <Menu position="bottom-end" width={270} shadow="md">
        <Menu.Target>
          <Button variant="default" size="sm">
            Rig ▾
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {canResume ? (
            <Menu.Item
              onClick={() => void toasts.act(() => actions.setLife(rigId, "resume"), "The rig was not resumed")}
            >
              Resume
            </Menu.Item>
          ) : (
            <Menu.Item onClick={() => void toasts.act(() => actions.setLife(rigId, "pause"), "The rig was not paused")}>
              Pause: dispatch nothing new
            </Menu.Item>
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
              Drain: hand work back
            </Menu.Item>
          )}
          <Menu.Divider />
          <Menu.Item onClick={() => void toasts.act(() => actions.tickNow(rigId), "The rig did not tick")}>
            Look at everything now
          </Menu.Item>
          <Menu.Item onClick={() => ask({ type: "mail", to: null })} disabled={world.agents.size === 0}>
            Write to an agent
          </Menu.Item>
          <Menu.Item onClick={() => ask({ type: "hook", agentId: null, beadId: null })}>
            Hook a bead to an agent
          </Menu.Item>
          <Menu.Item onClick={() => void toasts.act(() => actions.replay(rigId), "Replay found a difference")}>
            Replay the journal and compare
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Button size="sm" onClick={() => ask({ type: "sling" })}>
        Sling work
      </Button>
    </>
  );
}

/** Whether what is seen is now, and if not, since when. */
export function LineBadge() {
  const store = useStore();
  const { line, lostAt } = useRig();
  const now = useSeconds();
  if (line === "live")
    return (
      <Pill tone="good" beats>
        live
      </Pill>
    );
  if (line === "connecting" && (lostAt === null || now - lostAt < 2_000)) return <Pill tone="quiet">connecting</Pill>;
  return (
    <button
      type="button"
      className="pill bad"
      style={{ font: "inherit", fontSize: 12, fontWeight: 600, cursor: "pointer" }}
      onClick={() => store.retry()}
      title="What you see may be old. Click to connect now."
    >
      stale for {duration(lostAt === null ? 0 : now - lostAt)} · connect
    </button>
  );
}
