/**
 * What the real programs said, as it was recorded from Claude Code 2.1.197, Codex 0.169.0, OpenCode 1.18.33, Kilo 7.7.7 and Gemini CLI 0.61.0
 * with a model that follows a script: what our drivers make of it, and what they write themselves.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createDriver } from "../../../container/agents/drivers/drivers.ts";
import type { DriverEvent, DriverKind } from "../../../container/agents/drivers/vocabulary.ts";

const FOLDER = path.join(import.meta.dirname, "../../fixtures/agents");
const KINDS: Readonly<Record<string, DriverKind>> = { claude: "claude", codex: "codex" };

interface Played {
  readonly said: string[];
  readonly wrote: string[];
}

interface How {
  readonly session?: string;
  readonly message?: string;
  readonly cancel?: boolean;
  readonly answer?: string;
  readonly mode?: string;
  /** Prompted when the first turn is over. */
  readonly second?: string;
}

/** Plays a recording to a driver, which is told at each moment what the recorder did then. */
function play(name: string, { session, message, cancel, answer, mode, second }: How = {}): Played {
  const said: string[] = [];
  const wrote: string[] = [];
  const todo: (() => void)[] = [];
  let isTold = false;
  let turns = 0;
  let ids = 0;
  const driver = createDriver(KINDS[name.split("-")[0] ?? ""] ?? "acp", {
    write: (line) => wrote.push(line) > 0,
    // As the recorder's were renamed.
    newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`,
    now: () => Date.parse("2026-11-26T10:00:00.000Z"),
    cwd: "/clone",
    model: null,
    mcp: null,
    asksPermission: answer !== undefined,
    takesMessages: true,
    chosenSession: "00001000-0000-4000-8000-000000000000",
    ...(mode === undefined ? {} : { mode }),
    emit: (event) => {
      said.push(inWords(event));
      if (event.type === "session" && turns === 0) todo.push(() => driver.prompt("Do the work"));
      if (event.type === "tool_start" && !isTold) {
        isTold = true;
        if (message !== undefined) todo.push(() => driver.message(message));
        if (cancel === true) todo.push(() => driver.cancel());
      }
      if (event.type === "asks") todo.push(() => driver.answer(event.ask.id, { text: answer }));
      if (event.type === "turn_end" && second !== undefined && turns++ === 0) todo.push(() => driver.prompt(second));
    },
  });
  driver.open(session ?? null);
  for (const line of readFileSync(path.join(FOLDER, `${name}.jsonl`), "utf8")
    .trimEnd()
    .split("\n")) {
    driver.line(line);
    for (const act of todo.splice(0)) act();
  }
  return { said, wrote };
}

function inWords(event: DriverEvent): string {
  switch (event.type) {
    case "session":
      return event.resumed ? "resumed" : "session";
    case "text":
      return `says ${event.text.slice(0, 40).split("\n")[0]}`;
    case "tool_start":
      return `starts ${event.name}`;
    case "tool_end":
      return event.ok ? "ends it" : "ends it badly";
    case "usage": {
      const { input_tokens, cached_tokens, output_tokens, cost_microdollars } = event.usage;
      return `used ${input_tokens}/${cached_tokens}/${output_tokens} for ${cost_microdollars ?? "?"}`;
    }
    case "asks":
      return `asks ${event.ask.command}: ${event.ask.options.map(({ label }) => label).join(", ")}`;
    case "asks_no_more":
      return "asks no more";
    case "waiting":
      return `waits until ${event.until}`;
    case "turn_end":
      return event.stop;
    case "ended":
      return `ended: ${event.kind}`;
    case "session_lost":
      return "lost";
    case "unsaid":
      return `unsaid ${event.text}`;
    default:
      return `prints ${event.line.slice(0, 60)}`;
  }
}

const PERM = "touch perm.txt && git add -A && git commit -qm perm";

test.each([
  [
    "claude-work",
    [
      "starts Bash",
      "ends it",
      "says Now I say done.",
      "starts mcp__ticktown__gt_done",
      "ends it",
      "says All done.",
      "used 18000/4000/180 for 76500",
    ],
  ],
  [
    "codex-work",
    [
      "starts commandExecution",
      "ends it",
      "used 12000/4000/80 for ?",
      "says Now I say done.",
      "starts gt_done",
      "ends it",
      "used 13000/4000/130 for ?",
      "says All done.",
      "used 14000/4000/180 for ?",
    ],
  ],
  [
    "opencode-work",
    [
      "starts execute",
      "ends it",
      "says Now I say done.",
      "starts other",
      "ends it",
      "says All done.",
      "used 1000/0/50 for 32700",
    ],
  ],
  [
    "kilo-work",
    [
      "starts execute",
      "ends it",
      "says Now I say done.",
      "starts other",
      "ends it",
      "says All done.",
      "used 1000/0/50 for 32700",
    ],
  ],
  [
    "gemini-work",
    [
      "starts execute",
      "ends it",
      "says Now I say done.",
      "starts other",
      "ends it",
      "says All done.",
      "used 14000/0/180 for ?",
    ],
  ],
])("%s: a whole turn is understood", (name, between) => {
  expect(play(name).said).toEqual(["session", "says I will write the file.", ...between, "finished"]);
});

test.each([
  ["claude-ask", "Allow", "starts Bash", PERM, "Allow, Deny, Always"],
  ["codex-ask", "Allow", "starts commandExecution", `/bin/bash -lc '${PERM}'`, "Allow, Deny, Always"],
  ["opencode-ask", "Allow once", "starts execute", PERM, "Allow once, Always allow, Reject"],
])("%s: a permission is asked with the exact command, and allowed", (name, answer, starts, command, options) => {
  const { said, wrote } = play(name, { answer });
  expect(said.slice(0, 5)).toEqual(["session", "says May I?", starts, `asks ${command}: ${options}`, "asks no more"]);
  expect(said.slice(5, 7)).toEqual(expect.arrayContaining(["ends it"]));
  expect(said.at(-1)).toBe("finished");
  expect(wrote.filter((line) => /"allow"|"accept"|"once"/.test(line)).length).toBeGreaterThan(0);
});

test.each([
  ["claude-deny", "starts Bash"],
  ["codex-deny", "starts commandExecution"],
])("%s: what is denied ends badly, and the agent goes on", (name, starts) => {
  const { said } = play(name, { answer: "No." });
  expect(said).toContain(starts);
  expect(said).toContain("ends it badly");
  expect(said.at(-1)).toMatch(/^(finished|unsaid)/);
});

test.each(["claude-message", "codex-message", "opencode-message", "kilo-message"])(
  "%s: a message is heard in the turn, which ends once",
  (name) => {
    const { said, wrote } = play(name, { message: "MAIL" });
    expect(said.filter((one) => one === "finished")).toHaveLength(name === "kilo-message" ? 0 : 1);
    expect(said.filter((one) => one.startsWith("unsaid"))).toEqual([]);
    expect(wrote.filter((line) => line.includes("MAIL"))).toHaveLength(1);
  },
);

test("gemini-message: a second prompt cancels the tool of the first, which is why messages are held back from it", () => {
  const { said } = play("gemini-message", { message: "MAIL", mode: "yolo" });
  expect(said.filter((one) => one.startsWith("starts"))).toHaveLength(2);
  expect(said.filter((one) => one === "finished" || one === "failed")).toHaveLength(1);
});

test.each([
  ["claude-cancel", { cancel: true, second: "Go" }, ["cancelled", "finished"]],
  ["codex-cancel", { cancel: true, second: "Go" }, ["cancelled", "finished"]],
  ["opencode-cancel", { cancel: true }, ["cancelled"]],
  ["gemini-cancel", { cancel: true, mode: "yolo" }, ["cancelled"]],
] as const)("%s: a turn that is cancelled ends so, and the next one runs", (name, how, ends) => {
  expect(play(name, how).said.filter((one) => one === "finished" || one === "cancelled")).toEqual(ends);
});

test.each([
  ["claude-401", "ended: not_authorized"],
  ["claude-402", "ended: over_budget"],
  ["claude-429long", "ended: rate_limited"],
  ["claude-overflow", "ended: context_full"],
  ["codex-401", "ended: not_authorized"],
  ["codex-402", "ended: over_budget"],
  ["codex-overflow", "ended: context_full"],
  ["gemini-401", "ended: not_authorized"],
  ["gemini-overflow", "ended: context_full"],
])("%s: %s, and no word of the program is taken for one of the agent", (name, ended) => {
  const { said } = play(name);
  expect(said.filter((one) => one.startsWith("ended"))).toEqual([ended]);
  expect(said.filter((one) => one.startsWith("says"))).toEqual([]);
});

test("claude-401: a key that is refused twice is final, though the program would go on for three minutes", () => {
  expect(play("claude-401").said).toEqual(["session", "waits until 2026-11-26T10:00:00.621Z", "ended: not_authorized"]);
});

test("codex-429long: the program waits without a time of its own", () => {
  expect(play("codex-429long").said).toEqual(["session", "waits until null"]);
});

test.each([
  ["claude-badresume", ["lost"]],
  ["codex-badresume", ["lost"]],
  ["gemini-badresume", ["lost"]],
])("%s: an old conversation that is not there is told", (name, said) => {
  const played = play(name, { session: "11111111-2222-4333-8444-555555555555" });
  expect(played.said).toEqual(said);
  if (name !== "claude-badresume") expect(played.wrote.at(-1)).toMatch(/"(thread\/start|session\/new)"/);
});
