/** Shows the view as it changes: redrawn in place on a terminal, one line per change anywhere else. */
import { styleText } from "node:util";
import type { View } from "./view.ts";

export interface Screen {
  readonly show: (view: View) => void;
  /** Something worth a line of its own, which stays. */
  readonly tell: (line: string) => void;
  /** Leaves the last view standing. */
  readonly end: () => void;
}

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<string, Style>> = {
  open: "gray",
  in_progress: "cyan",
  in_review: "yellow",
  closed: "green",
  failed: "red",
  idle: "gray",
  working: "cyan",
  blocked: "magenta",
  exited: "red",
  restarting: "yellow",
};

export function createScreen(out: NodeJS.WriteStream, startedAt: number): Screen {
  const isColored = out.isTTY && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
  const paint = (style: Style, text: string): string =>
    isColored ? styleText(style, text, { validateStream: false }) : text;
  const time = (): string => `${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
  return out.isTTY ? terminal(out, paint, time) : plain(out, time);
}

function plain(out: NodeJS.WriteStream, time: () => string): Screen {
  const last = new Map<string, string>();
  const line = (text: string): void => void out.write(`${time()}  ${text}\n`);
  const change = (key: string, now: string, say: (before: string) => string): void => {
    const before = last.get(key);
    if (before === now) return;
    last.set(key, now);
    line(say(before === undefined ? "" : `${before} -> `));
  };
  return {
    show: ({ beads, agents }) => {
      for (const { title, status, progress } of beads)
        change(`bead ${title}`, status, (before) => `bead   ${title}: ${before}${status} (${progress} steps saved)`);
      for (const { id, name, status, bead } of agents)
        change(
          `agent ${id}`,
          status,
          (before) => `agent  ${name}: ${before}${status}${bead === "" ? "" : ` on "${bead}"`}`,
        );
    },
    tell: (text) => line(text),
    end: () => {},
  };
}

const CLEAR_BELOW = "\u001b[J";
const up = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\r`);

function terminal(out: NodeJS.WriteStream, paint: (style: Style, text: string) => string, time: () => string): Screen {
  let drawn = 0;
  let last: View = { beads: [], agents: [] };

  /** A line that wraps would not be counted, and one above the screen cannot be reached: the next redraw would be off. */
  function draw(): void {
    const width = Math.max(40, (out.columns || 100) - 1);
    const lines = [
      "",
      paint("bold", `${pad("BEAD", 18)}  ${pad("STATUS", 11)}  ${pad("STEPS", 5)}  WHY`),
      ...last.beads.map(
        ({ title, status, progress, why }) =>
          `${pad(title, 18)}  ${paint(STYLES[status] ?? "white", pad(status, 11))}  ${pad(progress, 5)}  ${paint("dim", cut(why, width - 42))}`,
      ),
      "",
      paint("bold", `${pad("AGENT", 18)}  ${pad("STATE", 11)}  ${pad("PID", 7)}  BEAD`),
      ...last.agents.map(
        ({ name, status, pid, bead }) =>
          `${pad(name, 18)}  ${paint(STYLES[status] ?? "white", pad(status, 11))}  ${pad(pid === null ? "-" : String(pid), 7)}  ${cut(bead, width - 44)}`,
      ),
    ].slice(0, Math.max(1, (out.rows || 40) - 1));
    out.write(`${up(drawn)}${CLEAR_BELOW}${lines.join("\n")}\n`);
    drawn = lines.length;
  }

  return {
    show: (view) => {
      last = view;
      draw();
    },
    tell: (text) => {
      out.write(`${up(drawn)}${CLEAR_BELOW}${paint("dim", time())}  ${text}\n`);
      drawn = 0;
      draw();
    },
    end: () => {
      drawn = 0;
    },
  };
}

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
const pad = (text: string, width: number): string => cut(text, width).padEnd(width);
