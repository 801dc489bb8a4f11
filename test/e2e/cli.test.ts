/** A day's work at the command line, on a whole Ticktown: no curl, no whole id, one command for one question. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Context, contextOf } from "../../cli/context.ts";
import { feed } from "../../cli/feed/run.ts";
import { PLAIN } from "../../cli/feed/terminal.ts";
import { run as runCommandLine } from "../../cli/run.ts";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { makeRepository, type DemoRepository } from "../../scripts/stack/demo/repository.ts";
import { PROJECT } from "../../scripts/stack/project.ts";
import type { Report } from "../../src/wire/report.ts";
import { DEMO_AGENT, type Stack, startStack } from "../../scripts/stack/stack.ts";
import { nothingLeftIn, temporaryDir, ticktown, until } from "./support.ts";
import { isTold, isTraced, startStandIn } from "./told.ts";

const dir = temporaryDir();
const state = path.join(dir, ".ticktown");
const home = path.join(dir, "home");
let stack: Stack;
let repository: DemoRepository;

let stand: Awaited<ReturnType<typeof startStandIn>>;

beforeAll(async () => {
  stand = await startStandIn();
  const notify = `${stand.url}/my-rigs`;
  mkdirSync(home);
  repository = makeRepository(dir);
  stack = await startStack({
    port: 0,
    stateDir: state,
    containerUrl: null,
    agentCommand: DEMO_AGENT,
    environment: {
      ...process.env,
      NOTIFY_WEBHOOK_URL: notify,
      NOTIFY_FORMAT: "ntfy",
      NOTIFY_LEAST: "warning",
      NOTIFY_ALLOW_LOCAL: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: stand.url,
    },
    say: () => {},
  });
});
afterAll(async () => {
  await stack.stop();
  stand.close();
  expect(await nothingLeftIn(dir)).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
});

interface Said {
  readonly code: number;
  readonly out: string;
  readonly told: string;
}

/** As it is typed in the folder beside the state folder. */
async function typed(
  args: readonly string[],
  { stdin = "", answer = null as string | null, env = {} } = {},
): Promise<Said> {
  const [out, told]: [string[], string[]] = [[], []];
  const code = await runCommandLine(args, "0", {
    env: { PATH: process.env["PATH"], HOME: home, ...env },
    cwd: dir,
    now: () => Date.now(),
    say: (line) => void told.push(line),
    out: (line) => void out.push(line),
    stdin: async () => stdin,
    ask:
      answer === null
        ? null
        : async (question) => {
            told.push(question);
            return answer;
          },
    signal: new AbortController().signal,
  });
  return { code, out: out.join("\n"), told: told.join("\n") };
}
/** For what is no command line. */
const withContext = <T>(use: (context: Context) => Promise<T>): Promise<T> =>
  use(
    contextOf(
      {},
      {
        env: { PATH: process.env["PATH"], HOME: home },
        cwd: dir,
        now: () => Date.now(),
        say: () => {},
        out: () => {},
        stdin: async () => "",
        ask: null,
        signal: new AbortController().signal,
      },
    ),
  );

const does = async (...args: string[]): Promise<string> => {
  const { code, out, told } = await typed(args);
  expect(code, `${args.join(" ")}: ${told}`).toBe(0);
  return out;
};
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await does(...args, "--json")) as T;
const statusOf = async (title: string): Promise<string> => (await json<Bead>("show", title)).status;

/** @throws Error with why it is not */
async function isMerged(title: string): Promise<void> {
  await until("it is merged", async () => (await statusOf(title)) === "closed").catch(async (error: unknown) => {
    const said = [await typed(["why", title]), await typed(["logs", title]), await typed(["agents"])].map(
      ({ out }) => out,
    );
    throw new Error(`"${title}" is not merged:\n${said.join("\n")}`, { cause: error });
  });
}

test("a rig is added by the path of its repository, found again, and set", async () => {
  expect(await does("ls")).toContain("nothing");
  const none = await typed(["sling", "too early"]);
  expect([none.code, none.told]).toEqual([
    3,
    "ticktown: there is no rig yet: `ticktown rig add PATH_OR_URL` makes one",
  ]);
  expect(await does("rig", "add", "origin.git")).toMatch(/^origin is new: .*origin\.git, work is merged into main$/);
  expect(await does("rig", "add", "origin.git")).toContain("was here already");
  expect(await does("rig", "settings", "capacity=3", "backoff_base_ms=0")).toBe(
    "backoff_base_ms  0\ncapacity         3",
  );
  expect((await typed(["rig", "settings", "capacity=many"])).code).toBe(1);
  expect(await does("rig", "ls")).toContain("origin");
  const secret = await typed(["rig", "secrets", "MODEL_KEY"], { stdin: "sk-very-secret\n" });
  expect(secret).toEqual({ code: 0, out: "origin has MODEL_KEY", told: "" });
  expect((await typed(["rig", "secrets", "MODEL_KEY"])).code).toBe(2);
});

test("work is slung in one go, waited for, and looked at by its title", async () => {
  const done = await typed(["sling", "Say hello", "--body", "steps: 1\nstep_ms: 0", "--wait"]);
  expect(done.code, done.told).toBe(0);
  expect(done.told).toContain("closed: Say hello");
  expect(repository.git("log", "--format=%s", "main")).toContain("Say hello");
  expect(await does("show", "say hello")).toMatch(/^Say hello\nbead-\S+ in origin: closed, medium priority/);
  const [{ id } = { id: "" }] = await json<Bead[]>("ls", "--all");
  expect(await does("why", id.slice("bead-".length, "bead-".length + 8))).not.toBe("");
  expect(await does("verify")).toContain("origin");
});

test("a collector is told of the bead that has ended, and of the tools that its dispatch has run", async () => {
  const { id, rig } = await json<Bead & { rig: string }>("show", "say hello");
  await isTraced(stand, stack.api, rig, id);
});

test("a chain in a file begins one after the other, and a list of JSON lines says who waits for whom", async () => {
  const file = path.join(dir, "chain.jsonl");
  const lines = [
    { title: "First of three", body: "steps: 1\nstep_ms: 0" },
    { title: "Second of three", body: "steps: 1\nstep_ms: 0", after: "First of three" },
    { title: "Third of three", body: "steps: 1\nstep_ms: 0", after: ["Second of three", "Say hello"] },
  ];
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  const { code, out, told } = await typed(["sling", "--file", "chain.jsonl", "--wait", "--json"]);
  expect(code, told).toBe(0);
  const { beads } = JSON.parse(out) as { beads: Bead[] };
  const closed = beads.map(({ closed_at }) => Date.parse(closed_at ?? ""));
  expect(closed).toEqual(closed.toSorted((a, b) => a - b));
  expect(beads.map(({ status }) => status)).toEqual(["closed", "closed", "closed"]);
  const wrong = await typed(["sling", "--file", "-"], { stdin: '{"title":"a"}\n{"titel":"b"}' });
  expect([wrong.code, wrong.told]).toEqual([2, expect.stringContaining("-, line 2: ")]);
  expect(await does("ls", "--all")).not.toContain("titel");
});

test("a question is listed with its words and the command that answers it; that command is one", async () => {
  await does("sling", "Paint it", "--body", "steps: 2\nstep_ms: 0\nhelp: Red or blue?");
  const shown = await until("the question", async () => {
    const text = await does("needs");
    return text.includes("Red or blue?") ? text : null;
  });
  expect(shown).toContain('> ticktown answer "Paint it" TEXT');
  expect(await does("agents")).toMatch(/polecat-\d+ +blocked .*Paint it/);
  const silent = await typed(["answer", "Paint it"]);
  expect([silent.code, silent.told]).toEqual([2, "ticktown: say the answer: words, or --option"]);
  const asked = await typed(["answer", "paint"], { answer: "Red, of course" });
  expect(asked.code, asked.told).toBe(0);
  expect(asked.told).toContain("Red or blue?");
  await isMerged("Paint it");
  expect(await does("needs")).toBe("nobody is needed");
  expect((await typed(["answer", "Paint it", "Blue"])).code).toBe(3);
});

test("a rig rests and goes on, its queue is shown, its journal is exported, replayed and verified", async () => {
  expect(await does("pause")).toBe("origin dispatches nothing new");
  expect(await does("status")).toContain("origin: paused");
  await does("sling", "Later", "--body", "steps: 1\nstep_ms: 0");
  expect(await does("why", "Later")).toContain("paused");
  expect(await does("resume", "--all")).toBe("origin dispatches again");
  await isMerged("Later");
  expect(await does("queue")).toContain("origin: ");
  await does("rig", "export", "-o", "origin.journal.ndjson");
  expect(await does("replay", "origin.journal.ndjson")).toContain("no divergence");
  expect(await does("replay")).toContain("no divergence");
  expect(await does("verify", "origin.git", "origin.journal.ndjson")).toContain("main");
});

const hangs = (title: string): Promise<boolean> =>
  until("it hangs", async () => {
    const { out } = await typed(["logs", title]);
    return out.includes(title) && out.includes("hanging as asked");
  });

/** What the agent of a bead that hangs would ask, had it a driver. */
async function asks(title: string, ask: object): Promise<void> {
  await hangs(title);
  const { assignee_agent_id, rig } = await json<Bead & { rig: string }>("show", title);
  await stack.api.call("POST", `/api/rigs/${rig}/agents/${assignee_agent_id}/asked`, ask);
}

test("a permission is allowed by the title of its bead, and what it prints is followed to its end", async () => {
  await does("sling", "Clean up", "--body", "steps: 3\nstep_ms: 0\nhang: true");
  await asks("Clean up", { ask_id: "1", kind: "permission", text: "May I?", command: "rm -rf build", options: [] });
  const shown = await does("needs");
  expect(shown).toContain("$ rm -rf build");
  expect(shown).toContain('> ticktown allow "Clean up"');
  // As many processes as there are things to see: one that follows, ended by Ctrl-C.
  const follower = ticktown(["logs", "-f", "Clean up", "--state", state]);
  await until("its output", () => follower.stdout().includes("hanging as asked"));
  await does("deny", "Clean up");
  expect(await does("agent", "hold", "Clean up", "looked", "at")).toContain("is held: looked at");
  expect(await does("agent", "release", "Clean up")).toContain("is held no more");
  expect(await does("message", "Clean up", "go", "on")).toContain("was told");
  expect(await follower.exited, follower.stderr()).toBe(0);
  await isMerged("Clean up");
});

let tidied = 0;

test("what hangs is followed until Ctrl-C, and cancelled only when that is said twice", async () => {
  // Of its own, so that a second try finds no other of its name.
  const title = `Tidy up ${++tidied}`;
  await does("sling", title, "--body", "steps: 3\nstep_ms: 0\nhang: true");
  await hangs(title);
  const follower = ticktown(["logs", "-f", title, "--state", state]);
  await until("its output", () => follower.stdout().includes("hanging as asked"));
  follower.process.kill("SIGINT");
  expect(await follower.exited).toBe(130);

  const unsaid = await typed(["cancel", title]);
  expect([unsaid.code, unsaid.told]).toEqual([2, expect.stringContaining("--yes")]);
  expect((await typed(["cancel", title], { answer: "n" })).code).toBe(2);
  expect((await typed(["cancel", title, "--yes"])).code).toBe(0);
  await until("it is stopped", async () => (await statusOf(title)) === "failed");
});

test("what failed for one cause is tried again with one command, of which there is a preview", async () => {
  await does("rig", "settings", "max_attempts=1");
  await does("sling", "Fail a", "Fail b", "--body", "fail: 1\nsteps: 1\nstep_ms: 0");
  const find = async (status: string) =>
    (await json<Bead[]>("ls", "--all")).filter((bead) => bead.title.startsWith("Fail ") && bead.status === status);
  await until("both have failed", async () => (await find("failed")).length === 2);
  expect(await does("logs", "Fail a")).toContain("failing as asked");
  const told = stand.ntfy;
  await until("somebody is told of both", () => told.filter(({ title }) => /Fail [ab]|failed/.test(title)).length >= 2);
  const [{ id = "" } = {}] = await json<{ id: string }[]>("rig", "ls");
  for (const { topic, click } of told)
    expect([topic, click]).toEqual(["my-rigs", expect.stringContaining(`${stack.url}/rigs/${id}`)]);
  const preview = await does("retry", "--all", "--dry-run");
  expect(preview).toContain("Fail a");
  expect(preview).not.toContain("Tidy up");
  expect(await find("failed")).toHaveLength(2);
  expect((await typed(["retry", "--all", "--cause", "no such words"])).code).toBe(3);
  await does("retry", "--all", "--cause", "exit 1");
  await until("both are merged", async () => (await find("closed")).length === 2);
  await does("rig", "settings", "max_attempts=5");
});

test("whoever wants to is told of a need within seconds, once, with a link; his address is shown to nobody, and no redirect is followed", async () => {
  await isTold(stand, { does, typed, asks }, stack.url);
});

test("the live view shows who is needed and who works, and its keys answer; where there is no terminal it is one page of text", async () => {
  await does("sling", "Choose one", "--body", "steps: 1\nstep_ms: 0\nhang: true");
  await asks("Choose one", {
    ask_id: "1",
    kind: "question",
    text: "Left or right?",
    options: [{ id: "r", label: "Right" }],
  });
  const program = ticktown(["feed", "--state", state]);
  expect(await program.exited, program.stderr()).toBe(0);
  expect(program.stdout()).toContain("choose: Right (r)");
  expect(program.stdout()).toMatch(/polecat-\d+ +blocked +Choose one/);
  expect(program.stdout()).not.toContain("\u001b");

  const pages: string[] = [];
  const seen = (text: string) => until(`a page with ${text}`, () => pages.at(-1)?.includes(text) === true);
  async function* keys(): AsyncGenerator<string> {
    await seen("1 need:");
    yield "f";
    await seen("hanging as asked");
    yield "q";
    await seen("Left or right?");
    yield "1";
    await seen("Nobody is needed.");
    yield "q";
  }
  await withContext((context) =>
    feed(context, { size: () => PLAIN, draw: (lines) => void pages.push(lines.join("\n")), keys: keys() }),
  );
  expect((await typed(["cancel", "Choose one", "--yes"])).code).toBe(0);
});

test("a bead is changed before it begins, a rig is renamed, and what was spent is asked for", async () => {
  await does("pause");
  await does("sling", "Alter me", "--body", "steps: 1");
  expect(await does("edit", "Alter me", "--title", "Altered", "--priority", "high", "--label", "ui")).toBe(
    '"Altered" is open',
  );
  expect(await json<Bead>("show", "Altered")).toMatchObject({ priority: "high", labels: ["ui"], body: "steps: 1" });
  const nothing = await typed(["edit", "Altered"]);
  expect([nothing.code, nothing.told]).toEqual([2, expect.stringContaining("--title")]);
  expect(await does("cancel", "Altered", "--yes")).toContain("failed");
  await does("resume");
  expect(await does("rig", "edit", "--name", "painted")).toMatch(/^painted: .*origin\.git, work is merged into main$/);
  expect(await does("rig", "edit", "--name", "origin")).toContain("origin: ");
  expect(await does("spend", "--by", "bead", "--from", "7d")).toMatch(/^bead .*\n[\s\S]*\ntoday: \$0\.00, 0 tokens/);
  expect((await typed(["spend", "--from", "yesterday"])).code).toBe(2);
  const all = await json<Bead[]>("ls", "--all");
  const [day] = await json<Report[]>("report", "--from", "2d");
  const merged = all.filter(({ status }) => status === "closed").map(({ id }) => id);
  expect([day?.merged.count, day?.merged.ids.toSorted()]).toEqual([merged.length, merged.toSorted()]);
  expect(day?.failed.causes.find(({ words }) => words === "exit 1")?.count).toBe(2);
  expect(await does("report")).toContain(`merged    ${merged.length}\n`);
  expect(await json("report", "--from", "2020-01-01T00:00:00Z", "--to", "2020-02-01T00:00:00Z")).toMatchObject([
    { merged: { count: 0, ids: [] } },
  ]);
  expect((await typed(["report", "--from", "1d", "--to", "2d"])).told).toBe("ticktown: from is after to");
  expect((await typed(["budget", "Later"])).code).toBe(2);
});

test("a colleague logs in with a link, sees what a token of its scope may see, and is told what it may not", async () => {
  const link = await does("open");
  const elsewhere = { HOME: path.join(dir, "colleague") };
  const none = await typed(["ls", "--url", stack.url], { env: elsewhere });
  expect([none.code, none.told]).toEqual([5, expect.stringContaining("ticktown login")]);
  expect((await typed(["login", link], { env: elsewhere })).code).toBe(0);
  expect((await typed(["ls", "--all", "--url", stack.url], { env: elsewhere })).out).toContain("Later");
  const reader = await does("token", "add", "a reader", "--scope", "read");
  const asReader = { TICKTOWN_URL: stack.url, TICKTOWN_OPERATOR_TOKEN: reader };
  expect((await typed(["status"], { env: asReader })).code).toBe(0);
  const refused = await typed(["pause", "--json"], { env: asReader });
  expect([refused.code, JSON.parse(refused.told)]).toEqual([5, { error: expect.stringContaining("operate"), exit: 5 }]);
  const gone = await typed(["ls"], { env: { TICKTOWN_URL: "http://127.0.0.1:1", TICKTOWN_OPERATOR_TOKEN: "x" } });
  expect([gone.code, gone.told]).toEqual([4, expect.stringContaining("http://127.0.0.1:1 does not answer")]);
});

test("what may be several is none: nothing is done, and they are listed", async () => {
  const { code, told } = await typed(["cancel", "of three", "--yes"]);
  expect(code).toBe(3);
  expect(told).toMatch(/may be 3 beads; say which by the beginning of its id:\n {2}[0-9a-f]{8}/);
  expect((await typed(["rig", "rm", "orig", "--yes"])).code).toBe(3);
});

test("a person's own agent runs the fleet by the same verbs, as tools", async () => {
  const client = new Client({ name: "mayor", version: "1" });
  const program = path.join(PROJECT, "cli", "ticktown.ts");
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [program, "mcp", "--state", state], stderr: "ignore" }),
  );
  try {
    const call = async (name: string, given: Record<string, unknown> = {}) => {
      const { content, isError } = await client.callTool({ name, arguments: given });
      return { text: (content as { text: string }[])[0]?.text ?? "", isError };
    };
    expect((await call("rig_ls")).text).toContain("origin");
    const slung = await call("sling", { titles: ["By a mayor"], body: "steps: 1\nstep_ms: 0\nhang: true" });
    expect(slung).toEqual({ text: expect.stringContaining("By a mayor"), isError: false });
    await asks("By a mayor", {
      ask_id: "1",
      kind: "question",
      text: "Which way?",
      options: [{ id: "l", label: "Left" }],
    });
    expect((await call("needs")).text).toContain("choose: Left (l)");
    const answered = await call("answer", { what: "By a mayor", option: "l" });
    expect(answered).toEqual({ text: expect.stringMatching(/^polecat-\d+ is /), isError: false });
    expect((await call("needs")).text).not.toContain("Which way?");
    expect(await call("cancel", { beads: ["By a mayor"] })).toEqual({
      text: expect.stringContaining("failed"),
      isError: false,
    });
    expect(await call("show", { bead: "no such bead" })).toEqual({
      text: 'there is no bead "no such bead"',
      isError: true,
    });
  } finally {
    await client.close();
  }
});
