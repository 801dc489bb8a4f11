/** What the demo agent is asked to do, read from the body of its bead. */

export interface Plan {
  /** How many steps the work has; each one is a commit and a checkpoint. */
  readonly steps: number;
  readonly step_ms: number;
  /** Relative to the repository. Two beads with the same file conflict when they merge. */
  readonly file: string;
  /** A question to ask before the middle step; the agent waits for its answer. */
  readonly help: string | null;
  /** So many dispatches of this bead exit with 1 before they do anything. */
  readonly fail: number;
  /** Once per bead: exit as rate limited, to be started again after so many ms. */
  readonly rate_limit_ms: number;
  /** Once per bead: after the first step do nothing any more, until stopped or spoken to. */
  readonly hang: boolean;
  /** Once per bead: says done without having committed its last step, is refused, and mends it. */
  readonly forget: boolean;
  /** Does nothing but spend so many microdollars with each step, until it is stopped; 0: it works. */
  readonly spend: number;
  /** Leaves a `TODO` behind, which it settles when it is asked for rework. */
  readonly todo: boolean;
}

/** Lines `key: value` anywhere in the body; unknown keys and values that make no sense are prose, and ignored. */
export function parsePlan(body: string | null, beadId: string): Plan {
  const said = new Map<string, string>();
  for (const line of (body ?? "").split("\n")) {
    const match = /^\s*(?:[-*]\s*)?([a-z_]+)\s*:\s*(.+?)\s*$/i.exec(line);
    if (match?.[1] && match[2]) said.set(match[1].toLowerCase(), match[2]);
  }
  const number = (key: string, fallback: number, min: number, max: number): number => {
    const value = Number(said.get(key));
    return said.has(key) && Number.isInteger(value) ? Math.min(max, Math.max(min, value)) : fallback;
  };
  const isOnce = (key: string): boolean => /^(1|true|yes|once)$/i.test(said.get(key) ?? "");
  return {
    steps: number("steps", 3, 1, 1000),
    step_ms: number("step_ms", 300, 0, 600_000),
    file: fileIn(said.get("file")) ?? `work/${beadId.replaceAll(/[^A-Za-z0-9._-]/g, "-")}.md`,
    help: said.get("help") ?? null,
    fail: number("fail", 0, 0, 1000),
    rate_limit_ms: number("rate_limit_ms", 0, 0, 3_600_000),
    hang: isOnce("hang"),
    spend: number("spend", 0, 0, 1_000_000_000),
    forget: isOnce("forget"),
    todo: isOnce("todo"),
  };
}

/** A path inside the repository, or null. */
function fileIn(text: string | undefined): string | null {
  const parts = text?.split("/") ?? [];
  const inside =
    parts.length > 0 && parts.every((part) => part !== "" && part !== "." && part !== ".." && part !== ".git");
  return inside && text !== undefined && !text.includes("\\") ? text : null;
}
