import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { lineOf } from "../../container/git/user-config.ts";
import {
  type Control,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  mergeBody,
  startBody,
  startControl,
  tempDir,
} from "./world.ts";

const COMMIT = "echo work > work.txt; git add work.txt; git commit -qm work";

const warnings = async (control: Control): Promise<string> =>
  (await control.events("a1"))
    .filter(({ type }) => type === "git_warning")
    .map(({ data }) => (data as { message: string }).message)
    .join("\n");

function homeWith(gitconfig: string): string {
  const home = tempDir();
  writeFileSync(path.join(home, ".gitconfig"), gitconfig);
  return home;
}

/** One bead from its start to the target branch. */
async function oneBead(home: string, url: string): Promise<Control> {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, HOME: home });
  const started = await control.post("/agents/start", startBody(url, COMMIT));
  expect(started.body).toMatchObject({ status: expect.stringMatching(/running|exited/) });
  expect((await control.ended("a1")).exitReason).toBe("exit 0");
  await control.post("/git/merge", mergeBody(url, "work/a1"));
  const result = await eventually("the result", () => rig.to("/complete")[0]);
  expect(result.body).toMatchObject({ status: "merged" });
  return control;
}

test.each([
  ["commit.gpgSign", "[commit]\n gpgSign = true\n[gpg]\n program = /nonexistent/gpg\n"],
  ["push.gpgSign", "[push]\n gpgSign = true\n"],
  ["merge.verifySignatures", "[merge]\n verifySignatures = true\n"],
  ["core.hooksPath", "[core]\n hooksPath = /work-hooks-that-fail\n"],
  ["safe.bareRepository", "[safe]\n bareRepository = explicit\n"],
  ["core.fsmonitor", "[core]\n fsmonitor = false --broken\n"],
  ["a failing filter", '[filter "x"]\n clean = false\n required = true\n[core]\n attributesFile = ATTRIBUTES\n'],
])("F-204 a bead is merged whatever ~/.gitconfig says: %s", async (_, text) => {
  const attributes = path.join(tempDir(), "attributes");
  writeFileSync(attributes, "* filter=x\n");
  const hooks = path.join(tempDir(), "hooks");
  mkdirSync(hooks);
  for (const hook of ["pre-commit", "pre-push", "commit-msg", "post-checkout"])
    writeFileSync(path.join(hooks, hook), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const config = text.replace("ATTRIBUTES", attributes).replace("/work-hooks-that-fail", hooks);
  const { url } = createOrigin();
  await oneBead(homeWith(config), url);
  expect(git(url, "show", "main:work.txt")).toBe("work");
});

test("F-204 a syntax error in ~/.gitconfig stops nothing, and a warning names its line", async () => {
  const home = homeWith("[user]\n\tname = x\n[commit\n\tgpgSign = true\n");
  const control = await oneBead(home, createOrigin().url);
  expect(await warnings(control)).toContain(`bad config line 3 in file ${home}/.gitconfig`);
});

test("F-204 a change of ~/.gitconfig is taken up by the next start", async () => {
  const { url } = createOrigin();
  const home = homeWith("");
  const control = await startControl({ HOME: home });
  const asked = `${url}.by-another-name`;
  expect((await control.post("/agents/start", startBody(asked, "true"))).status).toBe(422);
  writeFileSync(path.join(home, ".gitconfig"), `[url "${url}"]\n\tinsteadOf = ${asked}\n`);
  expect((await control.post("/agents/start", startBody(asked, "true"))).status).toBe(201);
});

test("what reaches a remote is taken over by name: url rewrites, credentials, ssh, also from an included file", async () => {
  const { url } = createOrigin();
  const home = homeWith(
    `[include]\n\tpath = more\n[alias]\n\tst = status\n[credential "https://example.com"]\n\thelper = store --file=/x\n`,
  );
  writeFileSync(
    path.join(home, "more"),
    `[url "${path.dirname(url)}/"]\n\tinsteadOf = https://example.com/\n[core]\n\tsshCommand = ssh -i \\"my key\\"\n`,
  );
  const control = await startControl({ HOME: home });
  const script = "git config --global --list; git config alias.st || echo none";
  const started = await control.post("/agents/start", startBody("https://example.com/origin.git", script));
  expect(started.status).toBe(201);
  await control.ended("a1");
  const lines = await control.lines("a1");
  expect(lines).toEqual(
    expect.arrayContaining([
      `url.${path.dirname(url)}/.insteadof=https://example.com/`,
      "credential.https://example.com.helper=store --file=/x",
      'core.sshcommand=ssh -i "my key"',
    ]),
  );
  expect(lines.at(-1)).toBe("none");
});

test.each([
  ["core.sshcommand", 'ssh -i "a\\b"'],
  ['url.git@x:"quoted"\\.insteadof', "https://x/"],
  ["http.https://a.b/c.extraheader", "X: 1 # no comment ; none"],
  ["credential.helper", "!f() {\n\techo x;\n}; f"],
])("a line that is written for git is read by git as it was: %s", (key, value) => {
  const file = path.join(tempDir(), "config");
  writeFileSync(file, lineOf({ key, value }));
  expect(git("/", "config", "--file", file, "--list", "-z")).toBe(`${key}\n${value}\0`);
});
