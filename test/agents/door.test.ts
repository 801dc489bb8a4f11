import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { type DoorPass, createAgentDoor } from "../../container/agents/door/door.ts";
import type { DoorDispatch, DoorEvent } from "../../container/agents/door/pass.ts";
import { upstreamsOf } from "../../container/agents/door/upstreams.ts";
import { redactorOf } from "../../container/redact.ts";
import { createFakeRig } from "../container/world.ts";
import { type Cli, claude, codex, tempDir } from "./cli.ts";
import { type Model, type Script, startModel, steps } from "./model/server.ts";

/** Real CLIs at the agents' door: their models behind it, and Ticktown's tools. */

const CLIS: readonly (readonly [string, Cli])[] = [
  ["Claude Code", claude],
  ["Codex", codex],
];
const KEY = "sk-real-key-0123456789abcdef";
const RIG_TOKEN = "rig-token-0123456789abcdef";

interface Place {
  readonly model: Model;
  readonly pass: DoorPass;
  readonly events: DoorEvent[];
  readonly repo: string;
}

async function place(script: Script, more: Partial<DoorDispatch> = {}): Promise<Place> {
  const model = await startModel({ test: script });
  const door = createAgentDoor({ log: () => {} });
  afterAll(() => Promise.all([model.close(), door.close()]));
  const events: DoorEvent[] = [];
  const pass = await door.open({
    agentId: "a1",
    rigId: "rig1",
    dispatchId: "a1:1",
    branch: "gt/a1",
    defaultBranch: "main",
    apiUrl: null,
    token: RIG_TOKEN,
    upstreams: upstreamsOf(
      {
        ANTHROPIC_API_KEY: KEY,
        ANTHROPIC_BASE_URL: model.url,
        OPENAI_API_KEY: KEY,
        OPENAI_BASE_URL: `${model.url}/v1`,
      },
      {},
    ),
    redact: redactorOf([RIG_TOKEN]),
    on: (event) => events.push(event),
    ...more,
  });
  const repo = tempDir();
  execFileSync("git", ["init", "--quiet", "--initial-branch=main", repo]);
  return { model, pass, events, repo };
}

const PROMPT = "Do the work. [[script:test]]";

test.each(CLIS)(
  "%s works through the door: a hand-in that is refused is mended in the same turn, and no key is in its shell or its answers",
  async (_, cli) => {
    const rig = await createFakeRig();
    const { model, pass, events, repo } = await place(
      steps(
        {
          text: "I write the file.",
          calls: [{ shell: "echo hello > HELLO.md; env > env.txt" }],
          tokens: { input: 12_000, cached: 4_000, output: 80 },
        },
        { text: "Done.", calls: [{ tool: "gt_done", args: { summary: "wrote HELLO.md" } }] },
        { text: "I commit it.", calls: [{ shell: "git add HELLO.md && git commit --quiet -m 'Say hello'" }] },
        { text: "Done.", calls: [{ tool: "gt_done", args: { summary: "wrote HELLO.md" } }] },
        { text: "All is done." },
      ),
      { apiUrl: rig.url },
    );
    rig.answer = () => {
      const isClean = execFileSync("git", ["log", "--oneline", "--all"], { cwd: repo, encoding: "utf8" }) !== "";
      const hand_in = isClean
        ? { code: "accepted", sentence: "Taken." }
        : { code: "dirty", sentence: "HELLO.md is not committed." };
      return { status: 200, data: { done: true, hand_in } };
    };
    const { code, output } = await cli(pass, PROMPT, repo);
    expect(code, output.slice(-2000)).toBe(0);
    expect(model.requests.map(({ spoken, missed }) => [spoken, missed])).toEqual(
      [0, 1, 2, 3, 4].map((n) => [n, false]),
    );
    expect(model.requests[2]?.last).toContain("HELLO.md is not committed.");
    expect(events.filter(({ type }) => type === "handed_in")).toMatchObject([{ accepted: false }, { accepted: true }]);
    expect(pass.handedIn()).toBe(true);
    // Whatever the CLI asks of its model beside is counted too.
    const used = pass.usage().reduce((sum, row) => sum + row.input_tokens, 0);
    expect(used).toBeGreaterThanOrEqual(16_000);
    expect(pass.usage().every(({ unreported }) => unreported === 0)).toBe(true);
    for (const text of [readFileSync(path.join(repo, "env.txt"), "utf8"), output])
      for (const secret of [KEY, RIG_TOKEN]) expect(text).not.toContain(secret);
    expect(rig.to("/done").every(({ token }) => token === RIG_TOKEN)).toBe(true);
  },
);

test.each(CLIS)("%s ends at once when it may not ask any more, and nothing is asked", async (_, cli) => {
  const { model, pass, events, repo } = await place(steps(), {
    mayAnswer: () => ({ says: "the budget of this bead is used up", until: null }),
  });
  const { code, output, took_ms } = await cli(pass, PROMPT, repo);
  expect(model.requests).toEqual([]);
  expect(code).not.toBeNull();
  expect(output).toContain("the budget of this bead is used up");
  // It has not tried again and again: those take minutes.
  expect(events.filter(({ type }) => type === "over_budget").length).toBeLessThanOrEqual(3);
  expect(took_ms).toBeLessThan(60_000);
});

test.each(CLIS)("%s waits for a limit that ends soon, which is told with its end, and goes on", async (_, cli) => {
  const { pass, events, repo } = await place(({ spoken, again }) =>
    spoken === 0 && again < 1 ? { fails: { status: 429, headers: { "retry-after": "1" } } } : { text: "All is done." },
  );
  const before = Date.now();
  expect((await cli(pass, PROMPT, repo)).code).toBe(0);
  const limited = events.find((event) => event.type === "limited");
  expect(limited).toMatchObject({ kind: "rate", status: 429 });
  expect(limited?.type === "limited" && limited.until).toBeGreaterThanOrEqual(before + 1000);
});
