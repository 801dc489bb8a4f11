/** How each coding agent is started: with what on its command line, in its home, and in its environment. */
import { lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { firstPromptOf, nudgeOf } from "../../../container/agents/driven/prompts.ts";
import { environmentFor, hasOwnKey } from "../../../container/agents/runtimes/environment.ts";
import { prepareHome } from "../../../container/agents/runtimes/home.ts";
import { keepUsage, sumOf, usageKept } from "../../../container/agents/runtimes/ledger.ts";
import { type ModelDoor, type RuntimePlace, isInRange } from "../../../container/agents/runtimes/runtime.ts";
import { RUNTIMES, acpCommandOf, runtimeNamed } from "../../../container/agents/runtimes/runtimes.ts";
import { CHECKPOINT_TOLD_MAX_CHARS } from "../../../container/limits.ts";
import { tempDir } from "../world.ts";

const DOOR: ModelDoor = {
  token: "token-of-the-dispatch",
  modelUrl: (provider) => `http://127.0.0.1:1/model/${provider}`,
  hasKey: () => true,
};

const placeOf = (more: Partial<RuntimePlace> = {}): RuntimePlace => ({
  home: "/home/of/agent",
  model: "some-model",
  systemPrompt: 'Be "good".\nAlways.',
  session: { id: "s-1", resume: false },
  door: DOOR,
  mcp: { url: "http://127.0.0.1:1/mcp", token: DOOR.token },
  asksPermission: false,
  hasOwnKey: false,
  ...more,
});

describe.each(RUNTIMES.map((runtime) => [runtime.name, runtime] as const))("%s", (name, runtime) => {
  test("is found by its name, and was tried in a version of its range", () => {
    expect(runtimeNamed(name)).toBe(runtime);
    expect(isInRange(`${name} ${runtime.tried} (a build)`, runtime.range)).toBe(true);
    expect([runtime.range[1], "0.0.1", "no version"].some((said) => isInRange(said, runtime.range))).toBe(false);
  });

  test("gets the token of its dispatch by a file or a header, and no other key, where the gateway has its models", () => {
    const plan = runtime.plan(placeOf());
    const given = {
      ANTHROPIC_API_KEY: "rig-key",
      GASTOWN_SESSION_TOKEN: "rig-token",
      GIT_TOKEN: "git-token",
      OWN: "kept",
    };
    const host = { OPENAI_API_KEY: "host-key", GEMINI_API_KEY: "host-key", PATH: "/bin" };
    const { env, secrets } = environmentFor(
      given,
      { hostEnv: host, agentPass: [] },
      runtime,
      plan,
      DOOR,
      "/home/of/agent",
    );
    expect(JSON.stringify(env)).not.toMatch(/rig-key|host-key|rig-token|git-token/);
    expect(env).toMatchObject({ OWN: "kept", HOME: "/home/of/agent" });
    expect(secrets).toEqual([DOOR.token]);
    expect(plan.argv.join(" ")).not.toContain(DOOR.token);
    expect(JSON.stringify([plan.files, plan.mcp])).toContain(DOOR.token);
    expect(JSON.stringify([plan.files, plan.env])).toContain("http://127.0.0.1:1/model/");
  });

  test("sees its own keys, and nobody else's, where there is no gateway for it", () => {
    const none: ModelDoor = { ...DOOR, hasKey: () => false };
    const plan = runtime.plan(placeOf({ door: none }));
    const key = runtime.keys[0] ?? "";
    const host = { hostEnv: { [key]: "own-key", SOMEBODY_KEY: "x" }, agentPass: [key, "SOMEBODY_ELSES"] };
    const { env, secrets } = environmentFor({}, host, runtime, plan, none, "/h");
    expect(env[key]).toBe("own-key");
    expect(env["SOMEBODY_KEY"]).toBeUndefined();
    expect(secrets).toContain("own-key");
    expect(hasOwnKey(runtime, {}, { [key]: "own-key" })).toBe(true);
    expect(hasOwnKey(runtime, {}, {})).toBe(false);
    expect(JSON.stringify(plan.files)).not.toContain("/model/");
  });

  test("asks for permission, or for none, as it is told", () => {
    const asks = runtime.plan(placeOf({ asksPermission: true }));
    const free = runtime.plan(placeOf());
    if (name !== "codex") expect(JSON.stringify(asks)).not.toBe(JSON.stringify(free)); // There the conversation says it.
    expect(JSON.stringify(asks)).not.toMatch(/dangerously|yolo|"\*":"allow"/);
  });
});

test("gemini is told whether it is let in by a key or by a login: what it is not told it would ask a person for", () => {
  const typeOf = (more: Partial<RuntimePlace>): unknown =>
    JSON.parse(runtimeNamed("gemini")?.plan(placeOf(more)).files[".gemini/settings.json"] ?? "").security.auth
      .selectedType;
  const none: ModelDoor = { ...DOOR, hasKey: () => false };
  expect(typeOf({})).toBe("gemini-api-key");
  expect(typeOf({ door: none, hasOwnKey: true })).toBe("gemini-api-key");
  expect(typeOf({ door: none })).toBe("oauth-personal");
});

test("claude resumes by its command line, and codex and acp by their protocols", () => {
  const argv = (name: string, resume: boolean): string =>
    runtimeNamed(name)
      ?.plan(placeOf({ session: { id: "s-1", resume } }))
      .argv.join(" ") ?? "";
  expect(argv("claude", false)).toContain("--session-id s-1");
  expect(argv("claude", true)).toContain("--resume s-1");
  expect(argv("codex", true)).toBe(argv("codex", false));
});

test("a model by its provider is the program's own; any other is asked for at the gateway's OpenAI", () => {
  const configOf = (model: string | null): Record<string, unknown> =>
    JSON.parse(runtimeNamed("opencode")?.plan(placeOf({ model })).files["ticktown-config.json"] ?? "") as Record<
      string,
      unknown
    >;
  expect(configOf("anthropic/claude-x")).toMatchObject({ model: "anthropic/claude-x" });
  expect(configOf("scripted")).toMatchObject({
    model: "ticktown/scripted",
    provider: { ticktown: { models: { scripted: {} } } },
  });
  expect(configOf(null)["model"]).toBeUndefined();
});

test("an agent that speaks ACP is any command; an empty one is none", () => {
  expect(runtimeNamed("acp:my-agent --acp")?.plan(placeOf()).argv).toEqual(["sh", "-c", "my-agent --acp"]);
  expect(acpCommandOf("acp: my-agent ")).toBe("my-agent");
  expect([runtimeNamed("acp:"), runtimeNamed("acp:  "), runtimeNamed("gremlin"), acpCommandOf("claude")]).toEqual([
    undefined,
    undefined,
    undefined,
    null,
  ]);
});

test("what is written into a home replaces links, is readable by its owner only, and leaves what is there", async () => {
  const home = path.join(tempDir(), "home");
  const outside = path.join(tempDir(), "outside");
  writeFileSync(outside, "mine");
  mkdirSync(path.join(home, ".codex"), { recursive: true });
  symlinkSync(outside, path.join(home, ".codex/config.toml"));
  writeFileSync(path.join(home, ".codex/session"), "kept");
  await prepareHome({ home, files: { ".codex/config.toml": "x" }, logins: [], personHome: null, warn: () => {} });
  expect(readFileSync(outside, "utf8")).toBe("mine");
  expect(readFileSync(path.join(home, ".codex/config.toml"), "utf8")).toBe("x");
  expect(statSync(path.join(home, ".codex/config.toml")).mode & 0o777).toBe(0o600);
  expect(readFileSync(path.join(home, ".codex/session"), "utf8")).toBe("kept");
});

test("a person's login is used where it lies, and one that was renewed in the agent's home stays", async () => {
  const [home, personHome] = [path.join(tempDir(), "home"), tempDir()];
  mkdirSync(path.join(personHome, ".claude"));
  writeFileSync(path.join(personHome, ".claude/.credentials.json"), "login");
  const options = { home, files: {}, logins: [".claude/.credentials.json", ".none/login"], personHome, warn: () => {} };
  await prepareHome(options);
  const file = path.join(home, ".claude/.credentials.json");
  expect(readlinkSync(file)).toBe(path.join(personHome, ".claude/.credentials.json"));
  expect(lstatSync(path.join(home, ".none/login"), { throwIfNoEntry: false })).toBeUndefined();
  await prepareHome({ ...options, files: { ".claude/.credentials.json": "renewed" } });
  await prepareHome(options);
  expect(readFileSync(file, "utf8")).toBe("renewed");
});

test("a home of exactly the limit is kept, and a larger one is emptied and that is said", async () => {
  const home = path.join(tempDir(), "home");
  mkdirSync(home);
  writeFileSync(path.join(home, "session"), Buffer.alloc(64 * 1024, "x"));
  const warnings: string[] = [];
  const prepare = (max_bytes: number): Promise<void> =>
    prepareHome({
      home,
      files: {},
      logins: [],
      personHome: null,
      warn: (message) => warnings.push(message),
      max_bytes,
    });
  await prepare(1024 * 1024);
  expect([warnings.length, statSync(path.join(home, "session")).size]).toEqual([0, 64 * 1024]);
  await prepare(16 * 1024);
  expect(warnings).toHaveLength(1);
  expect(lstatSync(path.join(home, "session"), { throwIfNoEntry: false })).toBeUndefined();
});

test("what was used is kept by conversation, and nothing that cannot be read is believed", () => {
  const root = tempDir();
  const home = path.join(root, "home", "acp");
  const usage = { input_tokens: 5, cached_tokens: 1, output_tokens: 2, model: "m", cost_microdollars: 7 };
  expect(usageKept(home, "s")).toBeNull();
  keepUsage(home, "s", usage);
  expect(usageKept(home, "s")).toEqual(usage);
  expect(usageKept(home, "another")).toBeNull();
  writeFileSync(path.join(root, "usage-acp.json"), '{"session":"s","usage":{"input_tokens":-1}}');
  expect(usageKept(home, "s")).toBeNull();
  expect(sumOf(usage, { ...usage, model: null, cost_microdollars: null })).toEqual({
    input_tokens: 10,
    cached_tokens: 2,
    output_tokens: 4,
    model: "m",
    cost_microdollars: 7,
  });
});

test("a first prompt has all that its agent does not know, and one that goes on only its task", () => {
  const request = { systemPrompt: "Be good.", checkpoint: { note: "n".repeat(2 * CHECKPOINT_TOLD_MAX_CHARS) } };
  const of = { request, prompt: "Do it.", knowsSystemPrompt: false, hasTools: true };
  const first = firstPromptOf({ ...of, resumed: false });
  expect(first).toContain("Be good.");
  expect(first).toContain("saved this note");
  expect(first).toContain("gt_done");
  expect(first.length).toBeLessThan(CHECKPOINT_TOLD_MAX_CHARS + 500);
  expect(firstPromptOf({ ...of, knowsSystemPrompt: true, resumed: false })).not.toContain("Be good.");
  expect(firstPromptOf({ ...of, hasTools: false, resumed: false })).not.toContain("gt_done");
  const again = firstPromptOf({ ...of, resumed: true });
  expect(again).toContain("Do it.");
  expect(again).not.toContain("saved this note");
  expect([nudgeOf(true).includes("gt_done"), nudgeOf(false).includes("gt_done")]).toEqual([true, false]);
});
