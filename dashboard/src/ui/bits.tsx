import { Button, CopyButton } from "@mantine/core";
import type { ReactNode } from "react";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { stateName } from "../../../src/core/decide/index.ts";
import { clock, dateAndTime, duration, useSeconds } from "../lib/time.ts";
import { useRig } from "../lib/use-rig.ts";

/** The small parts that everything else is made of. */

export const Pill = ({
  tone,
  children,
  bare = false,
  beats = false,
}: {
  tone: string;
  children: ReactNode;
  bare?: boolean;
  beats?: boolean;
}) => <span className={`pill ${tone}${bare ? " bare" : ""}${beats ? " beats" : ""}`}>{children}</span>;

export type AgentState = "idle" | "working" | "blocked" | "exited" | "restarting";
export const agentState = (agent: AgentSnapshot): AgentState =>
  (typeof agent.value === "string" ? agent.value : Object.keys(agent.value)[0]) as AgentState;

export const AGENT_TONE: Record<AgentState, string> = {
  idle: "quiet",
  working: "good",
  blocked: "warn",
  exited: "bad",
  restarting: "violet",
};
export const BEAD_TONE: Record<string, string> = {
  open: "quiet",
  in_progress: "good",
  in_review: "busy",
  closed: "quiet",
  failed: "bad",
};

export const AgentPill = ({ agent }: { agent: AgentSnapshot }) => {
  const state = agentState(agent);
  return (
    <Pill tone={AGENT_TONE[state]} beats={state === "working"}>
      {state}
    </Pill>
  );
};

export const BeadPill = ({ bead }: { bead: BeadSnapshot }) => (
  <Pill tone={BEAD_TONE[String(bead.value)] ?? "quiet"}>{String(bead.value).replace("_", " ")}</Pill>
);

/** The substate in words: "starting", "running, progress checked". */
export function substate(agent: AgentSnapshot): string {
  if (agent.matches({ working: { process: "running", progress: "fresh" } }))
    return agent.context.heard ? "running" : "accepted, not heard from yet";
  if (agent.matches({ working: { progress: "checked" } })) return "silent, was asked what it is doing";
  if (agent.matches({ working: { progress: "escalated" } })) return "silent, a person was told";
  const WORDS: Record<string, string> = {
    "idle.empty": "free",
    "idle.hooked": "waits for a slot",
    "working.process.starting": "is being started",
    "working.process.draining": "is being stopped",
    "blocked.onHelp.waiting": "asked for help",
    "blocked.onHelp.parked": "asked for help, process ended",
    "blocked.onPermission.waiting": "waits for a permission",
    "blocked.onPermission.escalated": "waits for a permission",
    "blocked.quarantined": "rests",
    "restarting.backingOff": "waits before its next attempt",
    "restarting.due": "waits for a slot",
    "restarting.starting": "is being started again",
  };
  const name = stateName(agent);
  for (const part of name.split(" + ")) if (WORDS[part] !== undefined) return WORDS[part];
  return name.split(".").slice(1).join(" ") || name;
}

/** How long ago, counting. */
export function Ago({ at, before = "", after = " ago" }: { at: number | null; before?: string; after?: string }) {
  const { skew_ms } = useRig();
  const now = useSeconds() + skew_ms;
  if (at === null) return null;
  return (
    <time className="num nowrap" dateTime={new Date(at).toISOString()} title={dateAndTime(at)}>
      {before}
      {duration(now - at)}
      {after}
    </time>
  );
}

/** How long until, counting down. */
export function Until({ at, passed = "now" }: { at: number | null; passed?: string }) {
  const { skew_ms } = useRig();
  const now = useSeconds() + skew_ms;
  if (at === null) return null;
  return (
    <time className="num nowrap" dateTime={new Date(at).toISOString()} title={dateAndTime(at)}>
      {at <= now ? passed : clock(at - now)}
    </time>
  );
}

export { Chip } from "./parts.tsx";

export const Tries = ({ used, of }: { used: number; of: number }) =>
  used === 0 ? null : (
    <span
      className="tries"
      role="img"
      aria-label={`${used} of ${of} attempts used`}
      title={`${used} of ${of} attempts used`}
    >
      {Array.from({ length: Math.min(of, 8) }, (_, i) => (
        <i key={i} className={i < used ? "used" : ""} />
      ))}
    </span>
  );

export const Copyable = ({ text, label = "Copy" }: { text: string; label?: string }) => (
  <div className="copyable">
    <pre tabIndex={0}>{text}</pre>
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="default" onClick={copy}>
          {copied ? "Copied" : label}
        </Button>
      )}
    </CopyButton>
  </div>
);

export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="empty">
    <h3>{title}</h3>
    {children}
  </div>
);
