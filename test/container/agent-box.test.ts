/** An agent in a box: what it sees, what it hears, and that its work is handed on as without one. */
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { programsIn } from "../../container/box/programs.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import {
  type Control,
  cleanUp,
  createOrigin,
  eventually,
  git,
  hostEnv,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";
import { processesOf } from "../support/processes.ts";

const BOXED = { AGENT_BOX: "bwrap" };

/** Runs one script as an agent, to its end. @returns what it printed */
async function ran(
  control: Control,
  url: string,
  script: string,
  more: Record<string, unknown> = {},
): Promise<string[]> {
  const started = await control.post("/agents/start", startBody(url, script, more));
  expect([started.status, started.body.error]).toEqual([201, undefined]);
  await control.ended((more["agentId"] as string | undefined) ?? "a1");
  return control.lines((more["agentId"] as string | undefined) ?? "a1");
}

test("BOX-sees an agent sees its clone, its home and the system: no state folder, no other agent, no operator's home, no socket, no other process", async () => {
  const home = tempDir();
  writeFileSync(path.join(home, "key"), "secret");
  const control = await startControl({ ...BOXED, HOME: home });
  const { url } = createOrigin();
  const other = worktreeOf(control.workDir, "a2");
  await ran(control, url, "echo mine > mine.txt", { agentId: "a2" });
  const socket = path.join(tempDir(), "a.sock");
  const server = createServer().listen(socket);
  cleanUp(() => server.close());
  const hidden = [
    url,
    path.join(control.workDir, "identity.json"),
    path.join(control.workDir, "pids"),
    path.join(home, "key"),
    other,
    socket,
  ];
  for (const file of hidden) expect(existsSync(file), file).toBe(true);
  const looks = [
    ...hidden.map((file) => `test ! -e '${file}'`),
    'test "$(ls /proc | grep -c "^[0-9]")" -lt 15',
    "! true 2>/dev/null > /usr/x",
    "! true 2>/dev/null > /etc/x",
    `! true 2>/dev/null > '${storeOf(control.workDir)}/HEAD'`,
    `! git --git-dir='${storeOf(control.workDir)}' update-ref refs/heads/mine HEAD 2>/dev/null`,
    'test "$HOME" != "" && echo x > "$HOME/x"',
    "echo work > work.txt && git add work.txt && git commit --quiet -m work && git fetch --quiet origin && git push --quiet origin HEAD",
  ];
  const lines = await ran(
    control,
    url,
    `set -e\n${looks.map((look, n) => `${look} || { echo "look ${n}"; exit 1; }`).join("\n")}\necho seen`,
  );
  expect(lines).toEqual(["seen"]);
  expect(git(worktreeOf(control.workDir), "log", "-1", "--format=%s")).toBe("work");
  const { body } = await control.get("/capabilities");
  expect(body).toMatchObject({ agentBox: "bwrap" });
});

test("BOX-hears an agent in a box hears that it is to end, and has its grace to save its work; then it ends as a whole, with what has left its session", async () => {
  const control = await startControl({ ...BOXED, STOP_GRACE_MS: "20000" });
  const { url } = createOrigin();
  const script = `setsid sh -c 'sleep 61.25' & trap 'sleep 1; echo saved > saved.txt; exit 3' TERM; echo up; while :; do sleep 0.1; done`;
  await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:1" }));
  await eventually("it is up", async () => (await control.lines("a1")).includes("up"));
  const { body } = await control.get("/agents/a1/status");
  expect(body).toMatchObject({ status: "running" });
  await control.post("/agents/a1/stop", { dispatchId: "a1:1" });
  await control.ended("a1");
  expect(readFileSync(path.join(worktreeOf(control.workDir), "saved.txt"), "utf8")).toBe("saved\n");
  await eventually("nothing is left", () => processesOf("sleep", "61.25").length === 0);
});

test("BOX-required where a rig requires a box and none works, nothing is started, and it is said why", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const place = { ...DEFAULT_PLACE, box: "required" };
  const reply = await control.post("/agents/start", startBody(url, "true", { place }));
  expect(reply).toMatchObject({ status: 422, body: { code: "box_required" } });
  expect((await control.post("/agents/start", startBody(url, "true", { place: DEFAULT_PLACE }))).status).toBe(201);
  const boxed = await startControl(BOXED);
  expect((await boxed.post("/agents/start", startBody(url, "true", { place }))).status).toBe(201);
});

test("BOX-none a server that is told to have a box does not start without one; one that takes what there is says it aloud", async () => {
  const folders = (hostEnv()["PATH"] ?? "").split(":").filter((dir) => !existsSync(path.join(dir, "bwrap")));
  const bin = tempDir();
  for (const name of ["git", "env", "sh"]) symlinkSync(path.join("/usr/bin", name), path.join(bin, name));
  const searched = [bin, ...folders].join(":");
  await expect(startControl({ ...BOXED, PATH: searched })).rejects.toThrow(
    "AGENT_BOX is bwrap, but bubblewrap (bwrap) is not installed",
  );
  const control = await startControl({ AGENT_BOX: "auto", PATH: searched });
  expect(control.log.join("\n")).toContain("agents run WITHOUT A BOX: bubblewrap (bwrap) is not installed");
});

test("BOX-tools a program that was installed in the operator's home, and a script that the command names, are seen; what lies beside them is not", async () => {
  const home = tempDir();
  const [bin, packages] = [path.join(home, "npm", "bin"), path.join(home, "npm", "lib", "node_modules")];
  mkdirSync(bin, { recursive: true });
  mkdirSync(path.join(packages, "agent"), { recursive: true });
  writeFileSync(
    path.join(packages, "agent", "main.sh"),
    '#!/bin/sh\n. "$(dirname "$(readlink -f "$0")")/words.sh"\necho "$WORDS"\n',
  );
  writeFileSync(path.join(packages, "agent", "words.sh"), "WORDS=installed\n");
  chmodSync(path.join(packages, "agent", "main.sh"), 0o755);
  symlinkSync("../lib/node_modules/agent/main.sh", path.join(bin, "my-agent"));
  const work = path.join(home, "work");
  mkdirSync(work);
  writeFileSync(path.join(work, "key"), "secret");
  const script = path.join(work, "agent.sh");
  writeFileSync(script, `my-agent; cat '${work}/key' 2>/dev/null || echo hidden\n`);
  const readable = path.join(home, "shared");
  writeFileSync(readable, "shared\n");
  const control = await startControl({
    ...BOXED,
    HOME: home,
    PATH: `${bin}:${hostEnv()["PATH"]}`,
    AGENT_COMMAND: `sh '${script}'; cat '${readable}' || true`,
  });
  const { url } = createOrigin();
  expect(await ran(control, url, "")).toEqual(["installed", "hidden", "shared"]);
});

test("BOX-setup the setup of an agent's clone is in a box too: it writes the clone and nothing that outlives it", async () => {
  const home = tempDir();
  writeFileSync(path.join(home, "key"), "secret");
  const control = await startControl({ ...BOXED, HOME: home });
  const { url } = createOrigin();
  const looks = [
    `test ! -e '${home}/key'`,
    `test ! -e '${control.workDir}/identity.json'`,
    'test "$HOME" = /tmp',
    "echo ready > ready.txt",
  ];
  const setup = { command: looks.join(" && "), cache_keys: [], cache_dirs: [], timeout_ms: 60_000 };
  expect(await ran(control, url, "cat ready.txt", { place: { ...DEFAULT_PLACE, setup } })).toEqual(["ready"]);
});

test("what a command names by its whole path is found, in quotes and without, and nothing else", () => {
  const dir = tempDir();
  const [one, two] = [path.join(dir, "one"), path.join(dir, "with space")];
  for (const file of [one, two]) writeFileSync(file, "");
  expect(programsIn(`sh ${one} --x='${two}' "${one}" /no/such ${dir} a${one}`, "")).toEqual([
    one,
    one,
    two,
    two,
    one,
    one,
  ]);
  expect(programsIn("no-such-program x", "/usr/bin")).toEqual([]);
});
