import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { checkBranch } from "../../../container/git/look.ts";
import { lostOutput } from "../../../cli/main.ts";
import { commandsFor } from "../../../cli/needs.ts";
import { run } from "../../../cli/run.ts";
import { diffText } from "../../../cli/verbs/diff.ts";
import { exportTo } from "../../../cli/verbs/rig.ts";
import { chosenOf, linesOf } from "../../../cli/verbs/sling.ts";
import type { Context, World } from "../../../cli/context.ts";
import { need, rig } from "./needs.ts";

/** What a careless person types, and what stands where a Ticktown was. */

interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function typed(args: readonly string[], of: Partial<World> = {}): Promise<Said> {
  const [out, err]: [string[], string[]] = [[], []];
  const home = mkdtempSync(path.join(tmpdir(), "ticktown-careless-"));
  try {
    const exit = await run(args, "1.2.3", {
      env: { HOME: home, TICKTOWN_OPERATOR_TOKEN: "t" },
      cwd: home,
      now: () => 0,
      say: (line) => void err.push(line),
      out: (text) => void out.push(text),
      stdin: async () => "",
      ask: null,
      signal: new AbortController().signal,
      ...of,
    });
    return { exit, out: out.join("\n"), err: err.join("\n") };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function whileAnswers<T>(handle: (response: ServerResponse) => void, use: (url: string) => Promise<T>) {
  const server = createServer((_, response) => handle(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const answers =
  (status: number, body: string) =>
  (response: ServerResponse): void =>
    void response.writeHead(status).end(body);

test("CLI-foreign a page, of whatever status, and JSON of something else are no answer of a Ticktown: exit 4 and one sentence, for a verb and for login", async () => {
  const foreign: [number, string][] = [
    [200, "<html>log in</html>"],
    [404, "<html>nope</html>"],
    [502, "<html>bad gateway</html>"],
    [200, "null"],
    [200, '{"ok":true}'],
    [403, '{"success":false}'],
  ];
  for (const [status, body] of foreign)
    await whileAnswers(answers(status, body), async (url) => {
      const sentence = `${url} answers with HTTP ${status}, which is no answer of Ticktown's API: something else is there, or stands between`;
      for (const args of [
        ["ls", "--url", url],
        ["login", url],
      ]) {
        expect(await typed(args)).toEqual({ exit: 4, out: "", err: `ticktown: ${sentence}` });
        expect(JSON.parse((await typed([...args, "--json"])).err)).toEqual({ exit: 4, error: sentence });
      }
    });
});

test("a token that is not taken is exit 5 at login too, and where nobody listens it is 4; nothing is kept of what is no list", async () => {
  const refused = '{"success":false,"error":"the token is not known"}';
  await whileAnswers(answers(401, refused), async (url) => {
    expect(await typed(["login", url])).toMatchObject({
      exit: 5,
      err: expect.stringContaining("does not take the token"),
    });
    expect((await typed(["login", `${url}/#code=%E0%A4%A`])).exit).toBe(5);
  });
  await whileAnswers(answers(200, '{"success":true,"data":{}}'), async (url) =>
    expect((await typed(["login", url])).exit).toBe(4),
  );
  expect((await typed(["login", "http://127.0.0.1:9"])).exit).toBe(4);
});

// Without the signal it ends after the 30 s in which an answer must come.
test("CLI-interrupt Ctrl-C ends a command at once whose server hangs, with 130", { timeout: 20_000 }, async () => {
  const stopped = new AbortController();
  await whileAnswers(
    () => stopped.abort(),
    async (url) =>
      expect(await typed(["ls", "--url", url], { signal: stopped.signal })).toEqual({ exit: 130, out: "", err: "" }),
  );
});

test("a file that is not there, or is a folder, is one sentence and no stack trace", async () => {
  for (const args of [
    ["sling", "--file", tmpdir()],
    ["rig", "import", "no-such-file", "--url", "http://127.0.0.1:9"],
  ]) {
    const { exit, err } = await typed(args);
    expect(exit).toBeGreaterThan(0);
    expect(err).toMatch(/^ticktown: [^\n]+$/);
  }
  const context = { out: () => {}, api: { lines: async function* () {} } } as unknown as Context;
  await expect(exportTo(rig, path.join(tmpdir(), "no-such-folder", "x"), context)).rejects.toThrow("ENOENT");
  await expect(exportTo(rig, tmpdir(), context)).rejects.toThrow("EISDIR");
});

test("CLI-lost who reads no more has read enough; a disk that is full is said, and is no success", () => {
  const said: string[] = [];
  const lost = (code: string): number =>
    lostOutput(Object.assign(new Error(code), { code }), (line) => said.push(line));
  expect([lost("EPIPE"), said.length]).toEqual([0, 0]);
  expect([lost("ENOSPC"), said]).toEqual([1, ["ticktown: stdout cannot be written: ENOSPC"]]);
});

test("CLI-from a file goes on where it stopped, counted from its first line whatever was left out before", () => {
  const file = linesOf("a\nb\nc", "f");
  const titles = (...args: Parameters<typeof chosenOf>) => chosenOf(...args).given.map(({ title }) => title);
  expect(titles([], file)).toEqual(["a", "b", "c"]);
  expect(titles([], file, 3)).toEqual(["c"]);
  // The one after the first of what is left is the fourth of the file: from + made + 1.
  expect(chosenOf([], file, 3).from + 1 + 1).toBe(4);
  expect(() => chosenOf([], file, 0)).toThrow("from 1");
  expect(() => chosenOf([], file, 4)).toThrow("there are 3");
  expect(() => chosenOf(["x"], file, 2)).toThrow("leave the titles out");
  expect(() => chosenOf(["x", "  "], [])).toThrow("nothing was slung");
  expect(() => linesOf("- ", "f")).toThrow("no title");
  expect(() => linesOf("- [ ] ", "f")).toThrow("no title");
  expect(() => linesOf('{"title":"  "}', "f")).toThrow("empty");
});

test("the command that settles a need is one that a shell and the command line take, whatever the title is", () => {
  const of = (title: string) => need({ code: "failed", beads: [{ id: "bead-11112222-1", title }] });
  const command = (title: string) => commandsFor({ rig, need: of(title) })[0];
  expect(command("-rf it")).toBe('retry -- "-rf it"');
  expect(command("it's now!")).toBe(String.raw`retry 'it'\''s now!'`);
  expect(command("a `b` $c")).toBe('retry "a \\`b\\` \\$c"');
  const twin = need({ beads: [{ id: "bead-11112222-2", title: "Same" }] });
  expect(
    commandsFor({ rig, need: of("same") }, [
      { rig, need: of("same") },
      { rig, need: twin },
    ])[0],
  ).toBe("retry 11112222-1");
  const budget = need({ code: "bead_budget", beads: [{ id: "b", title: "-x" }] });
  expect(commandsFor({ rig, need: budget })).toEqual(['budget --dollars N -- "-x"']);
});

test("a diff is shown with its commits, what does not merge, and lines that are no order to a terminal", () => {
  expect(diffText({ result: "none", sentence: "nobody has begun it" })).toBe("nobody has begun it");
  const text = diffText({
    result: "found",
    of: "handed_in",
    base: "b",
    tip: "0123456789abcdef",
    target: "main",
    target_tip: null,
    uncommitted: false,
    conflicts: ["a.txt"],
    commits: [{ id: "0123456789abcdef", subject: "Say\u001b[1m hello", author: "me", at: "" }],
    commit_count: 1,
    files: [
      {
        path: "a.txt",
        from: "b.txt",
        kind: "renamed",
        added: 1,
        deleted: 1,
        modes: null,
        omitted: null,
        hunks: [{ old_start: 1, new_start: 1, section: "", lines: ["-a", "+\u001b[2Jb"] }],
      },
    ],
    file_count: 2,
    added: 1,
    deleted: 1,
  });
  expect(text.split("\n")).toEqual([
    "as it was handed in, 0123456789 against main: 2 files, +1 -1, 1 commit",
    "  0123456789 Say\ufffd[1m hello (me)",
    "does not merge: a.txt",
    "",
    "renamed b.txt -> a.txt  +1 -1",
    "@@ -1 +1 @@",
    "-a",
    "+\ufffd[2Jb",
    "",
    "and 1 file more",
  ]);
});

test("a repository without branches may be an empty one, or a clone that has only those of another place", () => {
  const none = { head: null, branches: [] } as unknown as Parameters<typeof checkBranch>[0];
  expect(() => checkBranch(none, "/g", "main", "")).toThrow(
    /no commits yet, or is a clone in which none was checked out/,
  );
});
