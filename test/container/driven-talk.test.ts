/** What coding agents are let in with, what they are told and when, and what of their words is nobody's to read: with real processes. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { HIDDEN } from "../../container/redact.ts";
import { COMMIT, completed, drivenWorld } from "./drivers/driven-world.ts";
import { cleanUp, createFakeRig, createOrigin, eventually, startBody, startControl, worktreeOf } from "./world.ts";

/** A provider that notes what it is let in with. */
async function provider(): Promise<{ url: string; seen: (string | undefined)[] }> {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(
      request.headers.authorization ?? String(request.headers["x-api-key"] ?? request.headers["x-goog-api-key"]),
    );
    request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const POST = 'curl -s -X POST -H \'content-type: application/json\' -d \'{"model":"m","input":"x"}\'';
/** As most programs do it that are told by the usual names. */
const ASK_ALL = [
  `${POST} -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/messages"`,
  `${POST} -H "authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/responses"`,
  `${POST} -H "x-goog-api-key: $GEMINI_API_KEY" "$GOOGLE_GEMINI_BASE_URL/v1beta/models/m:generateContent"`,
].join("; ");

test("OWN-acp any agent that speaks ACP reaches its models by the usual names: the gateway's address, and a token that is no key", async () => {
  const { url, seen } = await provider();
  const { control, rig, start } = await drivenWorld("acp", {
    ANTHROPIC_API_KEY: "real-key-1",
    ANTHROPIC_BASE_URL: url,
    OPENAI_API_KEY: "real-key-2",
    OPENAI_BASE_URL: `${url}/v1`,
  });
  // The rig's own secret is used as this server's keys are.
  const gemini = { GEMINI_API_KEY: "real-key-3", GOOGLE_GEMINI_BASE_URL: url };
  await start({}, { ...gemini, FAKE_SHELL: `env > environment; ${ASK_ALL}` });
  await completed(rig);
  expect(seen.slice(0, 3)).toEqual(["real-key-1", "Bearer real-key-2", "real-key-3"]);
  const environment = readFileSync(path.join(worktreeOf(control.workDir), "environment"), "utf8");
  expect(environment).not.toMatch(/real-key/);
  expect(environment).toMatch(/^OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/model\/openai\/v1$/m);
});

test("OWN-passed what AGENT_PASS names reaches an agent that speaks ACP as it is, and nothing of that provider's is the gateway's then", async () => {
  const { control, rig, start } = await drivenWorld("acp", {
    AGENT_PASS: "OPENAI_API_KEY,OPENROUTER_API_KEY,SOME_LOGIN",
    OPENAI_API_KEY: "real-key-2",
    ANTHROPIC_API_KEY: "real-key-1",
    OPENROUTER_API_KEY: "router-key-1",
    SOME_LOGIN: "a login of its own",
  });
  await start({}, { FAKE_SHELL: "env > environment" });
  await completed(rig);
  const environment = readFileSync(path.join(worktreeOf(control.workDir), "environment"), "utf8");
  expect(environment).toMatch(/^OPENAI_API_KEY=real-key-2$/m);
  expect(environment).toMatch(/^OPENROUTER_API_KEY=router-key-1$/m);
  expect(environment).toMatch(/^SOME_LOGIN=a login of its own$/m);
  expect(environment).not.toContain("OPENAI_BASE_URL");
  expect(environment).not.toContain("real-key-1");
  expect(environment).toMatch(/^ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1/m);
});

const SECRETS = { PLAIN_WORDS: "swordfish-0123456789", "AN_ODD.NAME": 'quote"back\\slash', SHORT_ONE: "seven77" };
const PASS = `${Object.keys(SECRETS).join(",")},TOOLS_HOME`;

test("PASS-redacted what is passed to an agent by name is in nothing that it says or leaves, whatever the name: of a plain command", async () => {
  const rig = await createFakeRig();
  const control = await startControl({
    GASTOWN_API_URL: rig.url,
    AGENT_PASS: PASS,
    ...SECRETS,
    TOOLS_HOME: "/usr/bin",
  });
  const script = `echo "it is $PLAIN_WORDS, $SHORT_ONE and $TOOLS_HOME"
    env | grep AN_ODD | cut -d= -f2 | tee -a /dev/stderr
    printf '{"type":"exit_reason","reason":"bad key %s"}\\n' "$PLAIN_WORDS"; printf %s "$PLAIN_WORDS" | base64; exit 1`;
  await control.post("/agents/start", startBody(createOrigin().url, script, { dispatchId: "a1:1", beadId: "b1" }));
  await control.ended("a1");
  await eventually("it is reported", () => rig.to("/completed")[0]);
  const all = JSON.stringify([
    await control.events("a1"),
    await control.status("a1"),
    rig.to("/completed"),
    control.log,
  ]);
  expect(all).not.toContain("swordfish");
  expect(all).not.toContain("back");
  expect(all).toContain(`it is ${HIDDEN}, seven77 and /usr/bin`);
  expect(all).toContain(`bad key ${HIDDEN}`);
});

test("PASS-told nor in what a coding agent says, asks, hands over or ends with, not even in halves", async () => {
  const { control, rig, start } = await drivenWorld("acp", { AGENT_PASS: PASS, AGENT_ASKS: "true", ...SECRETS });
  await start({}, { FAKE_ASK: "1", FAKE_SHELL: "echo $PLAIN_WORDS", FAKE_SAYS: SECRETS.PLAIN_WORDS });
  const asked = await eventually("it asks", () => rig.to("/asked")[0]?.body);
  expect(JSON.stringify(asked)).toContain(HIDDEN);
  await control.post("/agents/a1/answer", { dispatchId: "a1:1", askId: asked["ask_id"], optionId: "yes" });
  await completed(rig);
  // The fake's title and label have it as well.
  const all = JSON.stringify([await control.events("a1"), await control.status("a1"), rig.requests, control.log]);
  expect(all).not.toMatch(/swordf|0123456789/);
  expect(all).toContain(HIDDEN);

  const failing = await drivenWorld("acp", { AGENT_PASS: PASS, ...SECRETS });
  await failing.start({}, { FAKE_ERROR: "400", FAKE_SAYS: SECRETS.PLAIN_WORDS });
  const end = await completed(failing.rig);
  expect(JSON.stringify(end)).not.toContain("swordf");
  expect(end["reason"]).toContain(HIDDEN);
});

test("TALK-broken a turn that is broken off by itself is no done: its agent is told to go on, and ends without done", async () => {
  for (const [runtime, stop] of [
    ["acp", "cancelled"],
    ["codex", "interrupted"],
  ] as const) {
    const { rig, start, noted } = await drivenWorld(runtime);
    await start({}, { FAKE_SHELL: COMMIT, FAKE_STOPS: stop });
    expect(await completed(rig)).toMatchObject({ status: "failed", ending: "ended_without_done" });
    expect(noted().filter(({ prompt }) => prompt !== undefined)).toHaveLength(3);
    expect(rig.to("/done")).toEqual([]);
  }
});

test("TALK-held a message that waits for the end of a turn is not called sent before it is said", async () => {
  const { control, rig, start, noted } = await drivenWorld("acp", { AGENT_ASKS: "true" });
  await start({}, { FAKE_ASK: "1" });
  const asked = await eventually("its turn runs", () => rig.to("/asked")[0]?.body);
  const held = await control.post("/agents/a1/message", { prompt: "Mail." });
  expect(held).toMatchObject({ status: 200, body: { sent: false } });
  const typesOf = async (): Promise<string[]> => (await control.events("a1")).map(({ type }) => type);
  expect((await control.status("a1")).messageCount).toBe(0);
  expect(await typesOf()).not.toContain("message_sent");
  await control.post("/agents/a1/answer", { dispatchId: "a1:1", askId: asked["ask_id"], optionId: "no" });
  await eventually("it hears it", () => noted().some(({ prompt }) => prompt === "Mail."));
  expect(await typesOf()).toEqual(expect.arrayContaining(["message_held", "message_sent"]));
  await control.post("/agents/a1/stop", {});
  await completed(rig);
});
