/** What the door sees of a coding agent's models and tools, and what becomes of the agent then: with a provider on loopback. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { LAST_TURN_MS, LIMIT_PATIENCE_MS } from "../../container/limits.ts";
import { MARK, markOf, readMark } from "../../container/processes/marks.ts";
import { COMMIT, type DrivenWorld, completed, drivenWorld } from "./drivers/driven-world.ts";
import { cleanUp, createOrigin, eventually, isRunning, startBody, startControl, worktreeOf } from "./world.ts";

/** Where Codex finds its models and tools: what it would do with them, a shell does here. */
const OF_CONFIG = (name: string): string => `$(sed -n 's/^${name} = "\\(.*\\)"/\\1/p' "$CODEX_HOME/config.toml")`;
const ASK_MODEL = `curl -s -X POST -H "authorization: Bearer ${OF_CONFIG("experimental_bearer_token")}" -H 'content-type: application/json' -d '{"model":"m","input":"x"}' ${OF_CONFIG("base_url")}/responses`;
const TOOL = (name: string, args: object): string =>
  `curl -s -X POST -H "authorization: Bearer ${OF_CONFIG("experimental_bearer_token")}" -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -d '${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } })}' ${OF_CONFIG("url")}`;

/** A provider that gives every request the same answer. */
async function worldWith(
  status: number,
  body: object,
  headers: Record<string, string> = {},
  runtime = "codex",
): Promise<DrivenWorld> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => server.close());
  const { port } = server.address() as AddressInfo;
  return drivenWorld(runtime, { OPENAI_API_KEY: "key-of-the-model", OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` });
}

const LIMITED = { error: { message: "Rate limit reached", type: "rate_limit_error" } };
const seconds = (ms: number): string => String(Math.round(ms / 1000));

test("a limit that ends long after an agent may wait ends it at once, with the time, though its tool runs on", async () => {
  const { rig, start } = await worldWith(429, LIMITED, { "retry-after": seconds(LIMIT_PATIENCE_MS + 60_000) });
  const before = Date.now();
  await start({}, { FAKE_SHELL: `${ASK_MODEL}; sleep 600` });
  const end = await completed(rig);
  expect(end).toMatchObject({ status: "failed", ending: "rate_limited" });
  const resets = Date.parse(String(end["reset_at"]));
  expect(resets).toBeGreaterThan(before + LIMIT_PATIENCE_MS);
  expect(resets).toBeLessThan(Date.now() + LIMIT_PATIENCE_MS + 120_000);
});

test("a limit that ends within its patience is waited for: the agent works on", async () => {
  const { rig, start, noted } = await worldWith(429, LIMITED, { "retry-after": seconds(LIMIT_PATIENCE_MS - 60_000) });
  await start({}, { FAKE_SHELL: ASK_MODEL });
  expect(await completed(rig)).toMatchObject({ ending: "ended_without_done" });
  expect(noted().filter(({ prompt }) => prompt !== undefined)).toHaveLength(3);
});

test("a key that is refused ends the agent at once, and its variable is named, not its value", async () => {
  const { control, rig, start } = await worldWith(401, { error: { message: "Incorrect API key provided" } });
  await start({}, { FAKE_SHELL: `${ASK_MODEL}; sleep 600` });
  const end = await completed(rig);
  expect(end).toMatchObject({ ending: "not_authorized", reason: expect.stringContaining("OPENAI_API_KEY") });
  expect(JSON.stringify([end, await control.events("a1")])).not.toContain("key-of-the-model");
});

/** The same of Kilo's configuration. */
const OF_KILO = (name: string): string =>
  `$(node -p 'JSON.parse(require("fs").readFileSync(process.env.KILO_CONFIG, "utf8")).provider.openai.options.${name}')`;
const ASK_BY_KILO = `curl -s -X POST -H "authorization: Bearer ${OF_KILO("apiKey")}" -H 'content-type: application/json' -d '{"model":"m","input":"x"}' ${OF_KILO("baseURL")}/responses`;

test("a program that says nothing of a refused key, as Kilo, is ended by what the door has seen, and not when it gives up", async () => {
  const { rig, start } = await worldWith(401, { error: { message: "Incorrect API key provided" } }, {}, "kilo");
  const before = Date.now();
  await start({}, { FAKE_SHELL: `${ASK_BY_KILO}; sleep 600` });
  expect(await completed(rig)).toMatchObject({
    ending: "not_authorized",
    reason: expect.stringContaining("OPENAI_API_KEY"),
    runtime: "kilo",
  });
  expect(Date.now() - before).toBeLessThan(60_000);
});

test("what went through the door is what counts as used", async () => {
  const usage = { input_tokens: 1234, input_tokens_details: { cached_tokens: 200 }, output_tokens: 56 };
  const { control, rig, start } = await worldWith(200, { id: "r", model: "m-1", output: [], usage });
  await start({}, { FAKE_SHELL: ASK_MODEL });
  await completed(rig);
  const used = (await control.status("a1")).usage;
  // Three turns: it was told twice to say done.
  expect(used).toMatchObject({ input_tokens: 3702, cached_tokens: 600, output_tokens: 168, model: "m-1" });
});

test("gt_done answers in the turn; then the agent ends its turn, has its last words, and is reported as handed in", async () => {
  const { control, rig, start, noted } = await worldWith(200, {});
  await start({}, { FAKE_SHELL: `${COMMIT}; ${TOOL("gt_done", { summary: "said hello" })} > answer` });
  expect(await completed(rig)).toMatchObject({ status: "completed", reason: "handed in", runtime: "codex" });
  expect(readFileSync(path.join(worktreeOf(control.workDir), "answer"), "utf8")).toContain("Your work was taken.");
  expect(noted().filter(({ prompt }) => prompt !== undefined)).toHaveLength(1);
  expect(rig.to("/done")).toHaveLength(1);
});

test("a program that stays though its work is handed in is asked to end in the end, and is well all the same", async () => {
  const { rig, start } = await worldWith(200, {});
  await start({}, { FAKE_SHELL: `${COMMIT}; ${TOOL("gt_done", { summary: "said hello" })}`, FAKE_STUBBORN: "1" });
  expect(await completed(rig)).toMatchObject({ status: "completed", reason: "handed in" });
});

test("TALK-waits a question is put to the rig, neither silence nor a message ends the wait for it, and the answer begins a turn", async () => {
  const { control, rig, start, noted } = await worldWith(200, {});
  const ask = TOOL("gt_ask", { question: "Which colour?", options: ["red", "blue"] });
  await start({}, { FAKE_SHELL: `[ -e asked ] || { touch asked; ${ask}; }` });
  const asked = (await eventually("it asks", () => rig.to("/asked")[0]?.body)) as Record<string, unknown>;
  const options = asked["options"] as { id: string; label: string }[];
  await eventually("its turn is over", async () =>
    (await control.events("a1")).some(({ type }) => type === "turn_end"),
  );
  expect(noted().filter(({ prompt }) => prompt !== undefined)).toHaveLength(1);
  expect((await control.post("/agents/a1/message", { prompt: "Mail." })).body).toEqual({ sent: true });
  await eventually(
    "it has heard the message, and stopped again",
    async () => (await control.events("a1")).filter(({ type }) => type === "turn_end").length === 2,
  );
  expect(noted().filter(({ prompt }) => prompt !== undefined)).toHaveLength(2);
  const optionId = options.find(({ label }) => label === "blue")?.id;
  const body = { dispatchId: "a1:1", askId: asked["ask_id"], optionId };
  expect((await control.post("/agents/a1/answer", body)).status).toBe(200);
  expect((await control.post("/agents/a1/answer", body)).status).toBe(404);
  await eventually("it hears it", () => noted().some(({ prompt }) => prompt?.includes("blue")));
  await control.post("/agents/a1/stop", {});
  await completed(rig);
});

test("before each start, whatever of the agent's earlier dispatches is still there is ended, and nobody else's", async () => {
  const control = await startControl();
  const mark = readMark(control.workDir) ?? "";
  const leftOf = (agentId: string): number => {
    const agent = createHash("sha256")
      .update(JSON.stringify(["rig1", agentId]))
      .digest("hex")
      .slice(0, 16);
    const env = { PATH: process.env["PATH"] ?? "", [MARK]: `${markOf(mark, `${agent}.`)}left` };
    const child = spawn("sleep", ["600"], { env, detached: true, stdio: "ignore" });
    cleanUp(() => child.kill("SIGKILL"));
    return child.pid ?? 0;
  };
  const [mine, another] = [leftOf("a1"), leftOf("a2")];
  const { url } = createOrigin();
  const reply = await control.post("/agents/start", startBody(url, "sleep 600"));
  expect(reply.status).toBe(201);
  expect([isRunning(mine), isRunning(another)]).toEqual([false, true]);
  expect((await control.events("a1")).map(({ type }) => type)).toContain("agent_leftovers");
});

test("at a stop, what has left its group and its session is ended with it", async () => {
  const { control, rig, start } = await worldWith(200, {});
  await start({}, { FAKE_SHELL: "setsid sh -c 'echo $$ > pid; exec sleep 600' >/dev/null 2>&1 & sleep 600" });
  const file = path.join(worktreeOf(control.workDir), "pid");
  const pid = await eventually("it is there", () => (existsSync(file) && Number(readFileSync(file, "utf8"))) || null);
  expect(isRunning(pid)).toBe(true);
  await control.post("/agents/a1/stop", {});
  await completed(rig);
  expect(isRunning(pid)).toBe(false);
});

test("once its work is taken, neither a limit in its last words nor a stop makes a failure of it", async () => {
  const done = TOOL("gt_done", { summary: "said hello" });
  const limited = await worldWith(429, LIMITED, { "retry-after": "7200" });
  await limited.start({}, { FAKE_SHELL: `${COMMIT}; ${done}; ${ASK_MODEL}; sleep 600` });
  const end = await completed(limited.rig);
  expect(end).toMatchObject({ status: "completed", reason: "handed in" });
  expect([end["ending"], end["reset_at"]]).toEqual([undefined, undefined]);

  const stopped = await worldWith(200, {});
  await stopped.start({}, { FAKE_SHELL: `${COMMIT}; ${done}; sleep 600` });
  await eventually("it is handed in", async () =>
    (await stopped.control.events("a1")).some(({ type }) => type === "hand_in"),
  );
  await stopped.control.post("/agents/a1/stop", {});
  expect(await completed(stopped.rig)).toMatchObject({ status: "completed", reason: "stopped" });
});

test("a session is told at once, and not with the next heartbeat only", async () => {
  const { rig, start } = await drivenWorld("codex", { HEARTBEAT_MS: "3600000" });
  await start({}, { FAKE_SHELL: "sleep 600" });
  const told = await eventually("it is told", () =>
    rig.to("/heartbeat").find(({ body }) => body["session"] !== undefined),
  );
  expect(told.body["session"]).toEqual({ driver: "codex", id: "thread-1" });
});

test("an agent whose work is taken ends its turn before it is stopped; one that does not end it is stopped in the end", async () => {
  const done = TOOL("gt_done", { summary: "said hello" });
  const isTaken = async ({ control }: DrivenWorld): Promise<boolean> =>
    (await control.events("a1")).some(({ type }) => type === "hand_in");
  const ends = await worldWith(200, {});
  await ends.start({}, { FAKE_SHELL: `${COMMIT}; ${done}; sleep 3` });
  await eventually("it is handed in", () => isTaken(ends));
  await ends.control.post("/agents/a1/stop", { lingerMs: 1 });
  expect(await completed(ends.rig)).toMatchObject({ status: "completed", reason: "handed in" });

  const stays = await worldWith(200, {});
  await stays.start({}, { FAKE_SHELL: `${COMMIT}; ${done}; sleep 600` });
  await eventually("it is handed in", () => isTaken(stays));
  const asked = Date.now();
  await stays.control.post("/agents/a1/stop", { lingerMs: 1 });
  expect(await completed(stays.rig)).toMatchObject({ status: "completed", reason: "stopped" });
  expect(Date.now() - asked).toBeGreaterThanOrEqual(LAST_TURN_MS);
});
