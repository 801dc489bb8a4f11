/** What the demo does: six beads, one accident, one question, one word "done" too early, one red check; and an agent that its cap stops. */

export interface PlannedBead {
  readonly key: string;
  readonly title: string;
  readonly steps: number;
  readonly step_ms: number;
  readonly file: string;
  /** Keys of the beads that must be merged first. */
  readonly blockedBy: readonly string[];
  /** A question that its agent asks halfway. */
  readonly help: string | null;
  /** Its agent says done before it has committed everything: it is refused, and mends it. */
  readonly forget: boolean;
  /** Its work is red in the check, goes back with the check's words, and is mended. */
  readonly todo: boolean;
}

const bead = (key: string, title: string, steps: number, more: Partial<PlannedBead> = {}): PlannedBead => ({
  key,
  title,
  steps,
  step_ms: 400,
  file: `work/${title.toLowerCase().replaceAll(" ", "-")}.md`,
  blockedBy: [],
  help: null,
  forget: false,
  todo: false,
  ...more,
});

export const BEADS: readonly PlannedBead[] = [
  bead("parser", "Write the parser", 4),
  bead("printer", "Write the printer", 5, { todo: true }),
  bead("index", "Build the index", 8, { step_ms: 500 }),
  bead("greeting", "Greet the reader", 4, { help: "Which language should the greeting be in?" }),
  bead("tests", "Test the parser", 3, { blockedBy: ["parser"], forget: true }),
  bead("manual", "Write the manual", 3, { blockedBy: ["printer", "greeting"] }),
];

/** Its agent is killed once this many steps are in its checkpoint. */
export const ACCIDENT = { key: "index", afterStep: 3 } as const;

/** Left unanswered for a moment, so that it can be seen waiting. */
export const ANSWER = { text: "In English, please.", after_ms: 2_000 } as const;

/** The defaults are made for agents that work for hours; this is a story of seconds. */
export const SETTINGS = {
  arm_delay_ms: 500,
  cadence_active_ms: 1_000,
  cadence_idle_ms: 5_000,
  backoff_base_ms: 500,
  backoff_max_ms: 2_000,
} as const;

/** What one bead may spend. */
export const CAP = { bead_microdollars: 500_000 } as const;

/** Its agent does nothing but spend, turn after turn. Until it is stopped it may begin a few more. */
export const LOOP = { title: "Go in circles", turn_ms: 250, microdollars: 20_000, turns_over: 20 } as const;

/** What every merge must pass: a line that somebody has yet to think about is no finished work. */
export const CHECK = {
  name: "no TODO left",
  command: "if grep -rn TODO work/; then exit 1; fi; echo looked at $(ls work | wc -l) files",
  timeout_ms: 30_000,
  expect: "looked at",
} as const;

/** The plan as the demo agent reads it. */
export function bodyOf({ steps, step_ms, file, help, forget, todo }: PlannedBead): string {
  return [
    `steps: ${steps}`,
    `step_ms: ${step_ms}`,
    `file: ${file}`,
    ...(help === null ? [] : [`help: ${help}`]),
    ...(forget ? ["forget: once"] : []),
    ...(todo ? ["todo: once"] : []),
  ].join("\n");
}
