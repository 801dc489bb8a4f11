import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
});
