/** The end of what an agent printed, for people who ask why it ended; already without secrets, line by line. */
import { ATTEMPT_TAIL_MAX_CHARS, TAIL_LINE_MAX_CHARS } from "../limits.ts";
import type { EventRing } from "./output.ts";

/** What is ours and not the agent's. */
const OURS = /^(agent_|git_|heartbeat_|home_|message_|session$|turn_end$|answered$|setup$)/;

/** Of the newest dispatch. What it printed as JSON stands there as JSON again. */
export function tailOf(ring: EventRing): string {
  const events = ring.since(0);
  const begun = events.findLastIndex(({ type }) => type === "agent_started");
  const lines: string[] = [];
  let chars = 0;
  for (const { type, data } of events.slice(begun + 1).toReversed()) {
    if (OURS.test(type)) continue;
    const line = lineOf(type, data).slice(0, TAIL_LINE_MAX_CHARS);
    chars += line.length + 1;
    if (chars > ATTEMPT_TAIL_MAX_CHARS) break;
    lines.push(line);
  }
  return lines.toReversed().join("\n");
}

function lineOf(type: string, data: unknown): string {
  const said = (data as { line?: unknown } | null)?.line;
  if (type === "output" && typeof said === "string") return said;
  const words = (data as { text?: unknown } | null)?.text;
  if (type === "text" && typeof words === "string") return words;
  return JSON.stringify({ type, ...(typeof data === "object" ? data : { data }) });
}
