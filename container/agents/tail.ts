/** The end of what an agent printed, for people who ask why it ended; already without secrets, line by line. */
import { ATTEMPT_TAIL_MAX_CHARS, TAIL_LINE_MAX_CHARS } from "../limits.ts";
import type { EventRing } from "./output.ts";

/** What is ours and not the agent's. */
const OURS =
  /^(agent_|git_|heartbeat_|home_|messages?_|usage_not_kept$|line_skipped$|session$|turn_end$|tool_start$|tool_end$|answered$|setup$)/;
/** What we tell of it in a form of ours: of that only the sentence within is anybody's words. */
const TOLD = /^(asks|waiting|session_lost|model_trouble|start_failed|box_warning|hand_in|hand_in_failed|exit_reason)$/;

/** Of the newest dispatch. What it printed as JSON stands there as JSON again. */
export function tailOf(ring: EventRing): string {
  const events = ring.since(0);
  const begun = events.findLastIndex(({ type }) => type === "agent_started");
  const lines: string[] = [];
  let chars = 0;
  for (const { type, data } of events.slice(begun + 1).toReversed()) {
    if (OURS.test(type)) continue;
    const line = lineOf(type, data)?.slice(0, TAIL_LINE_MAX_CHARS);
    if (line === undefined) continue;
    chars += line.length + 1;
    if (chars > ATTEMPT_TAIL_MAX_CHARS) break;
    lines.push(line);
  }
  return lines.toReversed().join("\n");
}

/** In which field of what we tell there is a sentence. */
const SENTENCES = ["says", "error", "sentence", "text", "message", "reason"] as const;

/** @returns undefined where nobody has said anything */
function lineOf(type: string, data: unknown): string | undefined {
  if (TOLD.test(type)) {
    const fields = data as Readonly<Record<string, unknown>> | null;
    return SENTENCES.map((name) => fields?.[name]).find((one): one is string => typeof one === "string" && one !== "");
  }
  const said = (data as { line?: unknown } | null)?.line;
  if (type === "output" && typeof said === "string") return said;
  const words = (data as { text?: unknown } | null)?.text;
  if (type === "text" && typeof words === "string") return words;
  return JSON.stringify({ type, ...(typeof data === "object" ? data : { data }) });
}
