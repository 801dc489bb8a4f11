/** An agent in a box: what it sees, what it hears, and that its work is handed on as without one. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { programsIn } from "../../container/box/programs.ts";
import { isRoot, nextUser, takeBack } from "../../container/box/users.ts";
import { BOX_USERS, FIRST_BOX_UID } from "../../container/limits.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import {
  cleanUp,
  createFakeRig,
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
import { BOXED, ran } from "./boxed.ts";
import { trainBody } from "./train-world.ts";
import { processesOf } from "../support/processes.ts";

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
  // A second dispatch of the same agent, whose home is there by then.
  await ran(control, url, 'echo secret > "$HOME/session"');
  const own = path.join(path.dirname(worktreeOf(control.workDir)), "home");
  expect(existsSync(path.join(own, "command", "session"))).toBe(true);
  const store = storeOf(control.workDir);
  const looks = [
    `test ! -e '${home}/key'`,
    `test ! -e '${control.workDir}/identity.json'`,
    'test "$HOME" = /tmp',
    `test ! -e '${own}'`,
    `git --git-dir='${store}' rev-parse --quiet --verify main > /dev/null`,
    `! true 2> /dev/null > '${store}/HEAD'`,
    `! git --git-dir='${store}' update-ref refs/heads/mine main 2> /dev/null`,
    "echo ready > ready.txt",
  ];
  const setup = { command: looks.join(" && "), cache_keys: [], cache_dirs: [], timeout_ms: 60_000 };
  expect(await ran(control, url, "cat ready.txt", { place: { ...DEFAULT_PLACE, setup } })).toEqual(["ready"]);
  expect(git(store, "rev-parse", "--quiet", "--verify", "main")).not.toBe("");
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

test("BOX-user nobody in a box is root where Ticktown is: not the agent, its setup or a check; what only root may read is not read, and no control group is written", async () => {
  const secret = isRoot() ? mkdtempSync("/opt/ticktown-test-") : null;
  if (secret !== null) cleanUp(() => rmSync(secret, { recursive: true, force: true }));
  const file = path.join(secret ?? tempDir(), "secret");
  writeFileSync(file, "of root's\n", { mode: 0o600 });
  const looks = [
    'test "$(id -u)" != 0 && test "$(id -g)" != 0',
    `! cat '${file}'`,
    "! cat /etc/shadow",
    'test -z "$(find /sys/fs/cgroup -name cgroup.procs -writable 2> /dev/null | head -n 1)"',
    "! cat /proc/1/environ | grep -q HOST_SECRET",
    "test \"$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)\" = 0000000000000000",
    "touch /tmp/x /dev/shm/x",
    '! for f in /proc/$$/fd/*; do readlink "$f"; done | grep -v -e "^/dev/" -e "^$PWD/" | grep -q "^/"',
    "echo x > written.txt && rm written.txt",
  ].map((look, n) => `( ${look} ) 2> /dev/null || echo "look ${n}"`);
  const script = [...looks, "echo done"].join("\n");
  const control = await startControl(BOXED);
  const { url } = createOrigin();
  const setup = { command: `{ ${script}\n} > setup.txt`, cache_keys: [], cache_dirs: [], timeout_ms: 60_000 };
  const work = "git add setup.txt && git commit -qm work && git fetch -q && git push -q origin HEAD";
  const more = { place: { ...DEFAULT_PLACE, setup } };
  expect(await ran(control, url, `${script}; cat setup.txt; ${work} && echo pushed`, more)).toEqual([
    "done",
    "done",
    "pushed",
  ]);
  // What was given to it is this server's again.
  const clone = worktreeOf(control.workDir);
  expect(statSync(path.join(clone, ".git", "HEAD")).uid).toBe(process.getuid?.());
  const again = await ran(control, url, "git log -1 --format=%s", { ...more, dispatchId: "a1:2" });
  expect(again.at(-1)).toBe("work");
});

test("what a killed server had given to the user of a box is taken back before it is used, and nobody else's is", async () => {
  const folder = path.join(tempDir(), "clone");
  mkdirSync(folder);
  const uid = (): number => statSync(folder).uid;
  const mine = process.getuid?.();
  await takeBack([folder, path.join(folder, "nowhere")]);
  expect(uid()).toBe(mine);
  if (!isRoot()) return;
  for (const [owner, after] of [
    [FIRST_BOX_UID, 0],
    [FIRST_BOX_UID + BOX_USERS - 1, 0],
    [FIRST_BOX_UID - 1, FIRST_BOX_UID - 1],
    [FIRST_BOX_UID + BOX_USERS, FIRST_BOX_UID + BOX_USERS],
  ] as const) {
    chownSync(folder, owner, owner);
    await takeBack([folder]);
    expect(uid()).toBe(after);
  }
  expect([nextUser(), nextUser()].map((one) => one !== null && one >= FIRST_BOX_UID)).toEqual([true, true]);
});

test("BOX-settings git in a box knows what of the operator's settings logs in nowhere, and nothing else of them", async () => {
  const home = tempDir();
  const secret = "secret-of-the-operator";
  const settings = {
    "credential.helper": `!echo password=${secret}`,
    "http.https://h.example/.extraHeader": `Authorization: ${secret}`,
    "http.proxy": `http://me:${secret}@proxy.example`,
    "http.sslVerify": "true",
    [`url.https://me:${secret}@h.example/.insteadOf`]: "https://h.example/",
    "url.https://mirror.example/.insteadOf": "https://far.example/",
    "core.sshCommand": `ssh -i /${secret}`,
    "filter.lfs.required": "true",
    "core.excludesFile": "/home/me/ignored",
  };
  for (const [key, value] of Object.entries(settings)) git("/", "config", "--file", `${home}/.gitconfig`, key, value);
  const control = await startControl({ ...BOXED, HOME: home });
  const { url } = createOrigin();
  const of = path.join(control.workDir, "git", "config");
  const lines = await ran(
    control,
    url,
    `cat "$GIT_CONFIG_GLOBAL"; test -e '${of}' && echo seen; git config http.sslVerify`,
  );
  expect(readFileSync(of, "utf8")).toContain(secret);
  expect(lines.join("\n")).not.toMatch(/secret-of|^seen$/m);
  for (const shown of ['insteadof = "https://far.example/"', "excludesfile", "required"])
    expect(lines.join("\n")).toContain(shown);
  expect(lines.at(-1)).toBe("true");
});

test("BOX-read what lies in a folder of Ticktown's own is shown to no box: a rig that asks for it is refused, by its name and through a link", async () => {
  const stateDir = tempDir();
  const control = await startControl({ ...BOXED, STATE_DIR: stateDir });
  const { url } = createOrigin();
  const link = path.join(tempDir(), "link");
  symlinkSync(control.workDir, link);
  for (const file of [
    control.workDir,
    path.join(control.workDir, "rigs"),
    path.join(link, "pids"),
    `${stateDir}/key`,
  ]) {
    const place = { ...DEFAULT_PLACE, box_read: ["/usr", file] };
    const reply = await control.post("/agents/start", startBody(url, "true", { place }));
    expect(reply).toMatchObject({
      status: 422,
      body: { code: "box_read_refused", error: expect.stringContaining(file) },
    });
  }
});

test("BOX-parent a folder that is not shown, because what no box shows lies in it, is named at the start: in the server's log, and in that of each agent that asks for it", async () => {
  const base = tempDir();
  const [home, other] = [path.join(base, "home"), path.join(base, "home-of-another")];
  for (const folder of [home, other]) mkdirSync(folder);
  const control = await startControl({ ...BOXED, HOME: home, BOX_VISIBLE: [base, other].join(path.delimiter) });
  const { url } = createOrigin();
  const words = (folder: string): string =>
    `${folder} is not shown in the box, though it is asked for: ${home} is in it`;
  expect(control.log.filter((line) => line.includes("is not shown in the box"))).toEqual([
    expect.stringContaining(`BOX_VISIBLE: ${words(base)}`),
  ]);
  const place = { ...DEFAULT_PLACE, box_read: [path.dirname(base), `${home}/`] };
  expect(await ran(control, url, `test ! -e '${home}' && ls '${base}'`, { place })).toEqual([path.basename(other)]);
  const { body } = await control.get("/agents/a1/events");
  const events = body["events"] as { type: string; data: { message: string } }[];
  const told = events.filter(({ type }) => type === "box_warning").map(({ data }) => data.message);
  expect(told.filter((message) => message.includes("is not shown"))).toEqual([
    expect.stringContaining(words(base)),
    expect.stringContaining(`${path.dirname(base)} is not shown in the box, though it is asked for: `),
    expect.stringContaining(words(`${home}/`)),
  ]);
});

test("BOX-receipt a receipt says what the work was made in, and what it was checked in, whoever writes it", async () => {
  const rig = await createFakeRig();
  const boxed = await startControl({ ...BOXED, GASTOWN_API_URL: rig.url });
  const { url } = createOrigin();
  await ran(boxed, url, "echo x > x.txt; git add .; git commit -qm work", { dispatchId: "a1:1" });
  const asked = { townId: "town1", gitUrl: url, branch: "work/a1", named: "work/a1", targetBranch: "main" };
  const handIn = { dispatchId: "a1:1", rigId: "rig1", beadId: "b1", resolution: "work", asIs: null, maxDeletions: 9 };
  const { body } = await boxed.post("/agents/a1/inspect", { ...asked, ...handIn });
  expect(body).toMatchObject({ result: "accepted" });
  boxed.server.killAll();
  await boxed.server.drain();
  const bare = await startControl({ WORK_DIR: boxed.workDir, GASTOWN_API_URL: rig.url, BOX: "none" });
  const entry = { entryId: "e1", beadId: "b1", agentId: "a1", branch: "work/a1", commit: body.commit, title: "work" };
  const order = trainBody(url, [{ ...entry, approvedTree: null }], { gate: { checks: null } });
  expect((await bare.post("/git/train", order)).status).toBeLessThan(300);
  const told = await eventually(
    "it is reported",
    async () => rig.requests.find(({ body: told }) => told["pushed"]) ?? null,
  );
  expect(told.body["pushed"]).toMatchObject({ boxed: false, box: "agents in a box (bwrap), checks in no box" });
});
