import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { agentCommandOf, shellCommandOf } from "../../../scripts/stack/agent-command.ts";
import { type HasFile, tryOnce } from "../../../scripts/stack/agent-try.ts";
import { examine } from "../../../scripts/stack/doctor.ts";
import { hasFileOf, inspectRepository } from "../../../scripts/stack/repository.ts";

/** A command is tried before anybody's work depends on it. Names and folders are as people have them: with blanks, quotes and other letters. */
const dir = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-agent's größe-")));
const from = path.join(dir, "mein Projekt");
mkdirSync(from);
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const script = (name: string, text: string, mode = 0o644): string => {
  const file = path.join(from, name);
  writeFileSync(file, `${text}\n`);
  chmodSync(file, mode);
  return file;
};
const env = { PATH: process.env["PATH"], HOME: dir };
const NO: HasFile = () => "no";

/** @returns what is said against it; null: nothing */
async function against(
  typed: string,
  hasFile: HasFile = NO,
  more: Readonly<Record<string, string | undefined>> = {},
): Promise<string | null> {
  const all = { ...env, ...more };
  try {
    const command = shellCommandOf(agentCommandOf(typed, from, all, false)) ?? "";
    await tryOnce({ command, typed, from, env: all, hasFile, say: (line) => said.push(line) });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
const said: string[] = [];

script("agent.sh", "exit 0");
script("mein Agent.sh", "exit 0");
script("plain.sh", "exit 0");
script("odd.sh", "printf '\\033[2Jnope.sh: No such file\\n' >&2");
script("fails.sh", "cat TODO.md; ./gradlew; no-such-tool; exit 3");
script("needs.sh", "./gradlew build");
script("notes.sh", 'env > "$NOTES"; cat > "$NOTES.stdin"; pwd > "$NOTES.pwd"; setsid sleep 77 & sleep 60');

describe("what a command names and is not there is refused before anything is started", () => {
  test.each([
    ["sh nope.sh", "nope.sh"],
    ["acp:sh nope.sh", "nope.sh"],
    ["node nope.js", "nope.js"],
    ["cd / && no-such-agent --run", "no-such-agent"],
    [`sh "no such.sh" "$TICKTOWN_PROMPT"`, "no such.sh"],
    [`"$HOME/mein Projekt/plain.sh"x`, null],
    [`'mein agent' --run`, "mein agent"],
  ])("%s", async (typed, words) => {
    const why = await against(typed);
    if (words === null) return expect(why).toBeNull();
    expect(why).toContain(words);
    expect(why).toMatch(/tried in an empty folder it ended with \d+: .*Nothing was started/s);
  });

  test.each([
    ["", "names no command"],
    ["  ", "names no command"],
    ["acp: ", "names no command"],
    [`sh -c "exit`, "a shell cannot read it"],
    ["'", "a shell cannot read it"],
    ["sh ./odd.sh; sh nope.sh", "nope.sh"],
  ])("%s: %s", async (typed, words) => {
    const why = await against(typed);
    expect(why).toContain(words);
    expect(why).not.toMatch(/[\p{Cc}]/u);
  });

  test("with the way to name it, where it lies beside", async () => {
    expect(await against("sh plain.sh")).toContain("there is a ./plain.sh here");
    expect(await against("./plain.sh")).toMatch(/ended with 126: .*[Pp]ermission denied/);
  });
});

test.each([
  ["sh ./agent.sh", "a path from here"],
  ['sh "./mein Agent.sh"', "a path in quotes"],
  ["sh './mein Agent.sh'", "a path in single quotes"],
  ["sh ./mein\\ Agent.sh", "a path with a blank behind a backslash"],
  ["sh ~/'mein Projekt'/agent.sh; true", "a path in the home"],
  ["sh ./fails.sh", "a script that misses the repository's files"],
  ["sh ./needs.sh", "a script that runs a program of the repository"],
  ["sh -c 'echo \"model scripted: not found\" >&2; exit 1' scripted", "a model that is not found"],
  ["set -u; echo $NOT_SET", "a variable that is not set"],
  ["sh -c 'exit 2'", "an end without a word"],
  ["kill -9 $$", "an end by a signal"],
])("%s is not refused: %s", async (typed) => {
  expect(await against(typed)).toBeNull();
});

test("a script of the repository is none that is missing, and one of a repository elsewhere is a doubt that is said", async () => {
  const repo = path.join(dir, "repo");
  mkdirSync(path.join(repo, "tools"), { recursive: true });
  writeFileSync(path.join(repo, "tools/agent.sh"), "exit 0\n");
  const git = (...args: string[]): unknown =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: repo, stdio: "ignore" });
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "first");
  const local = await inspectRepository("repo", dir);
  const hasFile: HasFile = (file) => hasFileOf(local, file);
  expect(await against("sh tools/agent.sh", hasFile)).toBeNull();
  expect(await against("sh tools/other.sh", hasFile)).toContain("tools/other.sh");
  expect(said).toEqual([]);
  expect(await against("sh tools/other.sh", (file) => hasFileOf({ ...local, folder: null }, file))).toBeNull();
  expect(said).toEqual([expect.stringContaining("well if the repository has tools/other.sh")]);
});

test("it is tried without a key, a token or an input, in a folder that goes, and nothing of it stays", async () => {
  const notes = path.join(dir, "notes");
  const more = { NOTES: notes, AGENT_PASS: "NOTES,OPENAI_API_KEY", OPENAI_API_KEY: "real-key", GIT_TOKEN: "git-token" };
  const began = Date.now();
  expect(await against("sh ./notes.sh", NO, more)).toBeNull();
  expect(Date.now() - began).toBeLessThan(30_000);
  expect(readFileSync(notes, "utf8")).not.toMatch(/real-key|git-token/);
  expect(readFileSync(notes, "utf8")).toMatch(/^TICKTOWN_TRY=1$/m);
  expect(readFileSync(`${notes}.stdin`, "utf8")).toBe("");
  expect(existsSync(readFileSync(`${notes}.pwd`, "utf8").trim())).toBe(false);
  expect(execFileSync("sh", ["-c", "pgrep -f '^sleep 77$' || true"], { encoding: "utf8" })).toBe("");
});

test("doctor says the same", async () => {
  const asked = { stateDir: dir, from, agent: "sh nope.sh" };
  const wrong = (await examine({ ...asked, env })).find(({ what }) => what === "agent");
  expect(wrong).toMatchObject({ level: "missing", says: expect.stringContaining("nope.sh") });
  const right = (await examine({ ...asked, env, agent: "sh ./agent.sh" })).find(({ what }) => what === "agent");
  expect(right?.level).toBe("ok");
});
