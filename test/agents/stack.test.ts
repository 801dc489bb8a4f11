import path from "node:path";
import { PROJECT } from "../../scripts/stack/project.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claudeWith, tempDir } from "./cli.ts";
import { steps } from "./model/server.ts";
import { KEY, type Name, type Stack, startTicktown } from "./stack.ts";

/** Real coding agents in a whole Ticktown: what happens to their work, and when something is in its way. */

const commit = (file: string, text: string): string =>
  `echo "${text}" > ${file} && git add ${file} && git commit --quiet -m "Write ${file}"`;
const DONE = { text: "I hand it in.", calls: [{ tool: "gt_done", args: { summary: "as scripted" } }] };

describe.each<Name>(["claude", "codex"])("%s", (name) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startTicktown(name);
  });
  afterAll(() => stack?.stop());

  test.concurrent("works, hands in, and is merged; what it cost is counted, and no secret is in its shell", async () => {
    const work = await stack.sling(
      "work",
      steps(
        {
          text: "I look.",
          calls: [{ shell: "env > env.txt && git add env.txt" }],
          tokens: { input: 12_000, cached: 4_000, output: 80 },
        },
        { text: "I write.", calls: [{ shell: commit("HELLO.md", "hello") }] },
        DONE,
        { text: "All is done." },
      ),
    );
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    expect(work.merged("HELLO.md")).toBe("hello\n");
    const environment = work.merged("env.txt");
    expect(environment).toContain("PATH=");
    expect(environment).not.toContain(KEY);
    expect(environment).not.toMatch(/GASTOWN_SESSION_TOKEN|GIT_TOKEN|^(ANTHROPIC|OPENAI|CODEX)_API_KEY=/m);
    expect(work.asked().some(({ missed }) => missed)).toBe(false);
    const { usage } = await work.status();
    expect(usage?.input_tokens).toBeGreaterThanOrEqual(15_000);
    expect(usage).toMatchObject({ cached_tokens: 4_000 });
  });

  test.concurrent("mends a hand-in that was refused, in the same turn", async () => {
    const work = await stack.sling(
      "mend",
      steps(
        { text: "I write.", calls: [{ shell: "echo hello > HELLO.md" }] },
        DONE,
        { text: "I commit.", calls: [{ shell: commit("HELLO.md", "mended") }] },
        DONE,
        { text: "All is done." },
      ),
    );
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    expect(work.merged("HELLO.md")).toBe("mended\n");
    expect(work.asked()[2]?.last).toMatch(/not (accepted|taken).*HELLO\.md/is);
    expect((await work.status()).dispatchId).toBe(`${work.agentId}:1`);
  });

  // The mayor is a person's own Claude Code, whichever agent it runs.
  if (name === "claude")
    test.concurrent("is answered by the Claude Code of its person, which runs the fleet by ticktown mcp over stdio", async () => {
      const work = await stack.sling(
        "of-the-mayor",
        steps(
          {
            text: "I ask.",
            calls: [{ tool: "gt_ask", args: { question: "Which colour?", options: ["red", "blue"] } }],
          },
          { text: "I wait." },
          { text: "As you say.", calls: [{ shell: commit("COLOUR.md", "blue") }] },
          DONE,
          { text: "All is done." },
        ),
      );
      await work.until("it is blocked", async () => (await work.agent()).status === "blocked");
      await work.until("it has stopped", () => work.asked().length === 2);
      const what = "Follow of-the-mayor";
      stack.model.scripts.set(
        "mayor",
        steps(
          { text: "I look.", calls: [{ tool: "__needs", args: {} }] },
          { text: "I answer.", calls: [{ tool: "__answer", args: { what, words: ["blue"] } }] },
          { text: "It is answered." },
        ),
      );
      const env = { TICKTOWN_URL: stack.url, TICKTOWN_OPERATOR_TOKEN: stack.token };
      const ran = await claudeWith(
        { ticktown: { command: process.execPath, args: [path.join(PROJECT, "cli/ticktown.ts"), "mcp"], env } },
        { ANTHROPIC_BASE_URL: stack.model.url, ANTHROPIC_API_KEY: KEY, ENABLE_TOOL_SEARCH: "false" },
        "[[script:mayor]] Answer who asks.",
        tempDir(),
      );
      expect(ran.code, ran.output).toBe(0);
      const asked = stack.model.requests.filter(({ script }) => script === "mayor");
      expect(asked.some(({ missed }) => missed)).toBe(false);
      expect(asked[1]?.last).toContain("Which colour?");
      await work.until("it is merged", async () => (await work.bead()).status === "closed");
      expect(work.merged("COLOUR.md")).toBe("blue\n");
    });

  test.concurrent("asks a person, and goes on with the answer in the same conversation", async () => {
    const work = await stack.sling(
      "question",
      steps(
        { text: "I ask.", calls: [{ tool: "gt_ask", args: { question: "Which colour?", options: ["red", "blue"] } }] },
        { text: "I wait." },
        { text: "Blue, then.", calls: [{ shell: commit("COLOUR.md", "blue") }] },
        DONE,
        { text: "All is done." },
      ),
    );
    await work.until("it is blocked", async () => (await work.agent()).status === "blocked");
    await work.until("it has stopped", () => work.asked().length === 2);
    await work.call("POST", `/agents/${work.agentId}/unblock`, { answer: "blue" });
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    expect(work.asked()[2]?.last).toContain("blue");
    expect(work.merged("COLOUR.md")).toBe("blue\n");
    expect((await work.status()).dispatchId).toBe(`${work.agentId}:1`);
  });

  test.concurrent("leaves nothing running when its work is in, whatever it has started beside", async () => {
    const work = await stack.sling(
      "background",
      steps(
        {
          text: "I start things.",
          calls: [
            {
              shell: `nohup sleep 98761 >/dev/null 2>&1 & setsid sleep 98762 >/dev/null 2>&1 & ${commit("B.md", "b")}`,
            },
          ],
        },
        { text: "They run.", calls: [{ shell: "pgrep -c -f 'sleep 9876[12]' || true" }] },
        DONE,
        { text: "All is done." },
      ),
    );
    await work.until("it has started them", () => work.running("sleep 9876").length > 0);
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    await work.until("nothing is left", () => work.running("sleep 9876").length === 0);
    await work.until("it has gone", () => work.running(name).length === 0);
  });

  test.concurrent("is stopped in the middle of a turn, with all that it runs", async () => {
    const work = await stack.sling("stop", steps({ text: "I wait long.", calls: [{ shell: "sleep 98763" }] }));
    await work.until("its tool runs", () => work.running("sleep 98763").length > 0);
    await work.call("POST", `/beads/${work.beadId}/cancel`);
    await work.until("nothing is left", () => work.running("").length === 0);
    expect(work.asked()).toHaveLength(1);
  });

  test.concurrent("at a limit that ends in hours its dispatch ends at once, with the time, and is not charged", async () => {
    const before = Date.now();
    const work = await stack.sling("limit", () => ({ fails: { status: 429, headers: { "retry-after": "7200" } } }));
    const [attempt] = await work.until("it has ended", async () => {
      const all = await work.attempts();
      return all.length > 0 ? all : null;
    });
    expect(attempt?.reason).toMatch(/rate_limited|rate limit|429/i);
    const until = Date.parse(/\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(attempt?.reason ?? "")?.[0] ?? "");
    expect(until).toBeGreaterThan(before + 7_100_000);
    expect((await work.bead()).status).not.toBe("failed");
    expect((await work.agent()).dispatch_attempts).toBe(0);
  });

  test.concurrent("with a key that is refused its dispatch ends at once, and says which", async () => {
    const work = await stack.sling("unauthorized", () => ({ fails: { status: 401, message: `wrong key ${KEY}` } }));
    const [attempt] = await work.until("it has ended", async () => {
      const all = await work.attempts();
      return all.length > 0 ? all : null;
    });
    expect(attempt?.reason).toMatch(/not_authorized|401/);
    expect(`${attempt?.reason}${attempt?.tail}`).toContain(name === "claude" ? "ANTHROPIC_API_KEY" : "OPENAI_API_KEY");
    expect(JSON.stringify(attempt) + stack.log()).not.toContain(KEY);
    // It has not tried for minutes.
    expect(work.asked().length).toBeLessThan(6);
    await work.call("POST", `/beads/${work.beadId}/cancel`);
  });

  test.concurrent("killed in the middle of a turn it goes on in the same conversation, and loses nothing", async () => {
    let isKilled = false;
    let since = 0;
    const work = await stack.sling("killed", ({ spoken }) => {
      if (!isKilled)
        return spoken === 0
          ? { text: "I write.", calls: [{ shell: commit("K.md", "before") }] }
          : { text: "I wait long.", calls: [{ shell: "sleep 98764" }] };
      since += 1;
      if (since === 1) return { text: "I go on.", calls: [{ shell: commit("K2.md", "after") }] };
      return since === 2 ? DONE : { text: "All is done." };
    });
    await work.until("its tool runs", () => work.running("sleep 98764").length > 0);
    // What it has told of its conversation is known to the rig.
    const { session } = await work.until("its conversation is known", async () => {
      const status = await work.status();
      return status.session === undefined || status.session === null ? null : status;
    });
    const asked = work.asked().length;
    isKilled = true;
    for (const pid of work.running(name)) process.kill(pid, "SIGKILL");
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    expect([work.merged("K.md"), work.merged("K2.md")]).toEqual(["before\n", "after\n"]);
    const status = await work.status();
    expect([status.dispatchId, status.session]).toEqual([`${work.agentId}:2`, session]);
    const resumed = work.asked()[asked];
    expect(resumed?.spoken).toBeGreaterThanOrEqual(1);
    expect(resumed?.last).toContain("You were interrupted");
    expect(work.running("sleep 98764")).toEqual([]);
    expect((await work.attempts()).map((attempt) => attempt.status)).toContain("failed");
  });

  test.concurrent("in a loop it is refused the answer after its bead's cap, before that is paid for; raised by a person it goes on", async () => {
    let hasRaised = false;
    const each = { input: 1_000, cached: 0, output: 50 };
    const loop = { text: "Once more.", calls: [{ shell: "true" }], tokens: each };
    let since = 0;
    const work = await stack.sling(
      "loop",
      () => {
        if (!hasRaised) return loop;
        since += 1;
        if (since === 1) return { text: "I write.", calls: [{ shell: commit("LOOP.md", "ended") }], tokens: each };
        return since === 2 ? { ...DONE, tokens: each } : { text: "All is done.", tokens: each };
      },
      { bead_tokens: 5_000 },
    );
    const need = await work.until("a person is asked", async () =>
      (await work.needs()).find(({ code }) => code === "bead_budget"),
    );
    expect(need.text).toContain("of 5,000 tokens");
    // Five answers are 5,250 tokens: the fifth passes the cap, and there is no sixth.
    expect(work.asked()).toHaveLength(5);
    expect((await work.agent()).dispatch_attempts).toBe(0);
    const spend = await work.call<{ rows: { key: string; input_tokens: number }[] }>("GET", "/spend?by=bead");
    expect(spend.rows).toMatchObject([{ key: work.beadId, input_tokens: expect.any(Number) }]);
    expect(spend.rows[0]?.input_tokens).toBeGreaterThanOrEqual(5_000);
    hasRaised = true;
    await work.call("POST", `/beads/${work.beadId}/budget`, { tokens: 100_000 });
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    expect(work.merged("LOOP.md")).toBe("ended\n");
  });

  test.concurrent("a reminder of the watchdog arrives in its conversation while it waits for its model", async () => {
    const follow = steps(
      { text: "I look.", calls: [{ shell: "true" }] },
      { text: "I write.", calls: [{ shell: commit("R.md", "reminded") }] },
      { text: "I look again.", calls: [{ shell: "true" }] },
      DONE,
      { text: "All is done." },
    );
    const work = await stack.sling(
      "reminded",
      // Codex asks again, with what it was told meanwhile, and drops what the model had answered.
      async (turn) => ({ ...(await follow(turn)), waits_ms: turn.spoken === 1 && turn.again === 0 ? 8_000 : 0 }),
      { gupp_check_ms: 2_000 },
    );
    await work.until("it is merged", async () => (await work.bead()).status === "closed");
    expect(
      work
        .asked()
        .slice(2)
        .map(({ last }) => last)
        .join("\n"),
    ).toContain("GUPP_CHECK");
    expect((await work.status()).dispatchId).toBe(`${work.agentId}:1`);
  });
});

/** With `npm start -- --ask`, one stack for both. */
describe("asked for permission", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startTicktown("claude", ["--ask"]);
  });
  afterAll(() => stack?.stop());

  test.concurrent.each<Name>(["claude", "codex"])(
    "%s waits with its exact command until a person allows it, and goes on in the same turn",
    async (name) => {
      const command = commit("ALLOWED.md", name);
      const work = await stack.sling(
        `permission-${name}`,
        steps({ text: "May I?", calls: [{ shell: command }] }, DONE, { text: "All is done." }),
        {},
        name,
      );
      const need = await work.until("a person is asked", async () =>
        (await work.needs()).find(({ ask }) => ask?.kind === "permission"),
      );
      expect(need.ask?.command).toContain(command);
      expect(work.asked()).toHaveLength(1);
      const allow = need.ask?.options.find(({ label }) => label === "Allow");
      expect(allow).toBeDefined();
      await work.call("POST", `/agents/${work.agentId}/unblock`, { option: allow?.id });
      await work.until("it is merged", async () => {
        // What it asks next, such as for its hand-in, is allowed as well.
        const again = (await work.needs()).find(({ ask }) => ask !== null);
        const id = again?.ask?.options.find(({ label }) => label === "Allow")?.id;
        if (id !== undefined)
          await work.call("POST", `/agents/${work.agentId}/unblock`, { option: id }).catch(() => null);
        return (await work.bead()).status === "closed";
      });
      expect(work.merged("ALLOWED.md")).toBe(`${name}\n`);
      expect((await work.status()).dispatchId).toBe(`${work.agentId}:1`);
    },
  );
});
