import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { inspectRepository } from "../../scripts/stack/repository.ts";
import { LookAnswer, SyncAnswer } from "../../src/wire/container.ts";
import {
  type Control,
  cleanUp,
  commitFile,
  createOrigin,
  git,
  startBody,
  startControl,
  tempDir,
  worktreeOf,
} from "./world.ts";

afterEach(() => vi.unstubAllEnvs());

test("F-301 a local repository with its target checked out, as a path, a subfolder, a worktree or file://, is named with its cures", async () => {
  const { clone } = createOrigin();
  mkdirSync(path.join(clone, "sub"));
  const other = path.join(tempDir(), "other");
  git(clone, "worktree", "add", "--quiet", "--detach", other);
  for (const named of [clone, `../${path.basename(clone)}`, path.join(clone, "sub"), other, `file://${clone}`]) {
    const { warning, defaultBranch } = await inspectRepository(named, clone, { target: "main" });
    expect(defaultBranch).toBe("main");
    expect(warning, named).toContain(`main is checked out in ${clone}`);
    expect(warning).toMatch(/--update-instead.*--target BRANCH/s);
  }
});

test("a target that only a linked worktree has checked out is found as well; another one is free", async () => {
  const { url, clone } = createOrigin();
  const linked = path.join(tempDir(), "linked");
  git(url, "worktree", "add", "--quiet", linked, "main");
  expect((await inspectRepository(url, "/")).warning).toContain(`main is checked out in ${linked}`);
  git(clone, "branch", "free");
  expect(await inspectRepository(clone, "/", { target: "free" })).toMatchObject({
    warning: null,
    defaultBranch: "free",
  });
  await expect(inspectRepository(clone, "/", { target: "missing" })).rejects.toThrow("branch 'missing'");
});

test("after --update-instead a merge into the checked-out branch updates its files", async () => {
  const { clone, url } = createOrigin();
  expect((await inspectRepository(clone, "/", { updateInstead: true })).warning).toBeNull();
  const pusher = path.join(tempDir(), "pusher");
  git("/", "clone", "--quiet", url, pusher);
  writeFileSync(path.join(pusher, "new.txt"), "new\n");
  git(pusher, "add", "--all");
  git(pusher, "commit", "--quiet", "-m", "new");
  git(pusher, "push", "--quiet", clone, "HEAD:main");
  expect(git(clone, "show", "HEAD:new.txt")).toBe("new");
  expect(git(clone, "status", "--porcelain")).toBe("");
});

test("F-303 what ssh says is told as what it is: unknown host key, wrong key, unknown host", async () => {
  const ssh = path.join(tempDir(), "ssh");
  const says = (words: string): void => {
    writeFileSync(ssh, `#!/bin/sh\necho "${words}" >&2\nexit 255\n`, { mode: 0o755 });
    vi.stubEnv("GIT_SSH_COMMAND", ssh);
  };
  const look = (): Promise<unknown> => inspectRepository("git@forge.example:team/app.git", "/");
  says("Host key verification failed.");
  await expect(look()).rejects.toThrow("the key of forge.example is not known here");
  says("git@forge.example: Permission denied (publickey).");
  await expect(look()).rejects.toThrow("forge.example does not take the ssh key");
  says("ssh: Could not resolve hostname forge.example: Name or service not known");
  await expect(look()).rejects.toThrow("there is no host forge.example");
  says("something else");
  await expect(look()).rejects.toThrow("git cannot read git@forge.example:team/app.git");
});

test("a remote that can be read but not pushed to is said before anything is paid for", async () => {
  const { url } = createOrigin();
  const ssh = path.join(tempDir(), "ssh");
  const script = `#!/bin/sh\nfor command; do :; done\ncase "$command" in *receive-pack*) echo "Permission denied (publickey)." >&2; exit 255;; esac\nexec sh -c "$command"\n`;
  writeFileSync(ssh, script, { mode: 0o755 });
  vi.stubEnv("GIT_SSH_COMMAND", ssh);
  const { warning } = await inspectRepository(`ssh://host${url}`, "/");
  expect(warning).toMatch(/can be read, but not pushed to.*host does not take the ssh key/);
  writeFileSync(ssh, '#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n', { mode: 0o755 });
  expect((await inspectRepository(`ssh://host${url}`, "/")).warning).toBeNull();
});

test("~ is the home folder, and owner/repo gets a hint", async () => {
  const { clone } = createOrigin();
  vi.stubEnv("HOME", path.dirname(clone));
  expect((await inspectRepository(`~/${path.basename(clone)}`, "/")).gitUrl).toBe(clone);
  await expect(inspectRepository("owner/repo", "/")).rejects.toThrow("https://github.com/owner/repo.git");
});

/** A git host with one repository over plain http, whose only login is this one. */
async function createPrivateHost(login: string): Promise<string> {
  const { url } = createOrigin();
  git(url, "config", "http.receivepack", "true");
  const server = createServer((asked, answer) => {
    if (asked.headers.authorization !== `Basic ${Buffer.from(login).toString("base64")}`)
      return void answer.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
    const { pathname, search } = new URL(asked.url ?? "/", "http://host");
    const backend = spawn("git", ["http-backend"], {
      env: {
        PATH: process.env["PATH"],
        GIT_PROJECT_ROOT: url,
        GIT_HTTP_EXPORT_ALL: "1",
        REMOTE_USER: "somebody",
        PATH_INFO: pathname.replace("/team/repo.git", ""),
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: asked.method,
        CONTENT_TYPE: asked.headers["content-type"],
        GIT_PROTOCOL: asked.headers["git-protocol"]?.toString(),
      },
    });
    asked.pipe(backend.stdin);
    const said: Buffer[] = [];
    backend.stdout.on("data", (chunk: Buffer) => said.push(chunk));
    backend.once("close", () => {
      const all = Buffer.concat(said).toString("latin1");
      const [head = "", ...body] = all.split("\r\n\r\n");
      const lines = head.split("\r\n").map((line) => line.split(": ") as [string, string]);
      const status = Number(lines.find(([name]) => name === "Status")?.[1]?.slice(0, 3) ?? 200);
      answer.writeHead(status, Object.fromEntries(lines.filter(([name]) => name !== "Status")));
      answer.end(Buffer.from(body.join("\r\n\r\n"), "latin1"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/team/repo.git`;
}

/** What git is called with from now on, word by word. */
function watchGit(): () => string {
  const folder = tempDir();
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  writeFileSync(
    path.join(folder, "git"),
    `#!/bin/sh\nprintf '%s\\n' "$@" >> '${folder}/called'\nexec '${real}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  return () => readFileSync(path.join(folder, "called"), "utf8");
}

test("F-707b a token of the environment opens a private repository, is kept as the rig's secret, and is on no command line", async () => {
  const called = watchGit();
  const withName = await createPrivateHost("robot:s3cret-of-robot");
  const seen = await inspectRepository(withName.replace("//", "//robot@"), "/", { token: "s3cret-of-robot" });
  expect(seen).toMatchObject({
    gitUrl: withName,
    secrets: { GIT_TOKEN: "s3cret-of-robot", GIT_USERNAME: "robot" },
    warning: null,
    caution: null,
    defaultBranch: "main",
  });
  const alone = await createPrivateHost("x-access-token:s3cret");
  expect(await inspectRepository(alone, "/", { token: "s3cret" })).toMatchObject({
    gitUrl: alone,
    secrets: { GIT_TOKEN: "s3cret" },
    caution: null,
  });
  await expect(inspectRepository(alone, "/", { token: "wrong" })).rejects.toThrow("TICKTOWN_REPO_TOKEN");
  await expect(inspectRepository(alone, "/")).rejects.toThrow("TICKTOWN_REPO_TOKEN");
  expect(called()).toContain("ls-remote");
  expect(called()).not.toContain("s3cret");
});

test("F-707b a password in the URL is used, with a loud word on how to do without; git is given it in no command line", async () => {
  const called = watchGit();
  const host = await createPrivateHost("robot:s3cret");
  const seen = await inspectRepository(host.replace("//", "//robot:s3cret@"), "/", { token: "of another" });
  expect(seen).toMatchObject({ gitUrl: host, secrets: { GIT_TOKEN: "s3cret", GIT_USERNAME: "robot" }, warning: null });
  expect(seen.caution).toContain(`export TICKTOWN_REPO_TOKEN; npm start -- --repo ${host.replace("//", "//robot@")}`);
  expect(seen.caution).not.toContain("s3cret");
  const token = await createPrivateHost("x-access-token:t0ken");
  const asName = await inspectRepository(token.replace("//", "//t0ken@"), "/");
  expect(asName).toMatchObject({ gitUrl: token, secrets: { GIT_TOKEN: "t0ken" } });
  expect(asName.caution).toContain(`npm start -- --repo ${token}`);
  expect(called()).not.toMatch(/s3cret|t0ken/);
});

/** What the control server says of a repository that a rig is to be made for. */
async function looked(control: Control, gitUrl: string, targetBranch = "main", envVars = {}): Promise<LookAnswer> {
  const { status, body } = await control.post("/repositories/look", { gitUrl, targetBranch, envVars });
  expect(status, JSON.stringify(body)).toBe(200);
  return LookAnswer.parse(body);
}
const CODES = (answer: LookAnswer): string[] =>
  answer.result === "ok" ? answer.warnings.map(({ code }) => code) : [answer.result, answer.code];
const wordsOf = (answer: LookAnswer): string =>
  answer.result === "ok" ? answer.warnings.map(({ sentence }) => sentence).join() : answer.sentence;

test("F-301b a rig that is made through the API: its target that is checked out, in any working tree, by path and by file://, is told with its cures", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  for (const named of [clone, `file://${clone}`]) {
    const answer = await looked(control, named);
    expect(CODES(answer)).toEqual(["checked_out"]);
    expect(wordsOf(answer)).toMatch(/receive\.denyCurrentBranch updateInstead\).*default_branch ticktown/s);
  }
  const linked = path.join(tempDir(), "linked");
  git(url, "worktree", "add", "--quiet", linked, "main");
  expect(wordsOf(await looked(control, url))).toContain(`main is checked out in ${linked}`);
  git(clone, "branch", "free");
  expect(await looked(control, clone, "free")).toEqual({ result: "ok", warnings: [] });
  git(clone, "config", "receive.denyCurrentBranch", "updateInstead");
  expect(await looked(control, clone)).toEqual({ result: "ok", warnings: [] });
});

test("what no agent could work on is refused with what to do: no folder, no repository, no commit, no such branch", async () => {
  const control = await startControl();
  const dir = tempDir();
  expect(CODES(await looked(control, path.join(dir, "nowhere")))).toEqual(["refused", "not_found"]);
  expect(CODES(await looked(control, "file://elsewhere/repo"))).toEqual(["refused", "not_found"]);
  const plain = await looked(control, dir);
  expect(CODES(plain)).toEqual(["refused", "not_a_repository"]);
  expect(wordsOf(plain)).toContain("git init");
  const empty = path.join(dir, "empty.git");
  git(dir, "init", "--quiet", "--bare", empty);
  expect(CODES(await looked(control, empty))).toEqual(["refused", "empty_repository"]);
  const none = await looked(control, createOrigin().url, "master");
  expect(CODES(none)).toEqual(["refused", "no_such_branch"]);
  expect(wordsOf(none)).toMatch(/has no branch master; it has main.*git -C .* branch 'master'/);
  expect((await control.post("/repositories/look", { gitUrl: "ext::sh -c id", targetBranch: "main" })).status).toBe(
    400,
  );
});

test("F-303 a remote that cannot be read, or not be pushed to, is a warning in words: the login may come later", async () => {
  const ssh = path.join(tempDir(), "ssh");
  const says = (script: string): void => writeFileSync(ssh, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  says('echo "Host key verification failed." >&2; exit 255');
  const control = await startControl({ GIT_SSH_COMMAND: ssh });
  const { url } = createOrigin();
  const unknown = await looked(control, `ssh://forge.example${url}`);
  expect(CODES(unknown)).toEqual(["unreadable"]);
  expect(wordsOf(unknown)).toContain("the key of forge.example is not known here");
  says(
    'for command; do :; done; case "$command" in *receive-pack*) echo "Permission denied (publickey)." >&2; exit 255;; esac; exec sh -c "$command"',
  );
  const readOnly = await looked(control, `ssh://forge.example${url}`);
  expect(CODES(readOnly)).toEqual(["no_push"]);
  expect(wordsOf(readOnly)).toContain("forge.example does not take the ssh key");
  says('for command; do :; done; exec sh -c "$command"');
  expect(await looked(control, `ssh://forge.example${url}`)).toEqual({ result: "ok", warnings: [] });
  expect(CODES(await looked(control, `ssh://forge.example${url}`, "other"))).toEqual(["refused", "no_such_branch"]);
});

test("F-303 a start and a merge that fail at ssh say the same words", async () => {
  const ssh = path.join(tempDir(), "ssh");
  writeFileSync(ssh, '#!/bin/sh\necho "Host key verification failed." >&2\nexit 255\n', { mode: 0o755 });
  const control = await startControl({ GIT_SSH_COMMAND: ssh });
  const refused = await control.post("/agents/start", startBody("git@forge.example:team/app.git", "true"));
  expect(refused).toMatchObject({ status: 422, body: { code: "remote_unreachable" } });
  expect(refused.body.error).toMatch(/the key of forge\.example is not known here.*ssh-keyscan/);
});

test("a sync brings what is new at the remote to the agent's origin, and touches nothing of its clone", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  const order = { rigId: "rig1", gitUrl: url, targetBranch: "main" };
  expect(await control.post("/agents/a1/sync", order)).toMatchObject({ status: 404, body: { code: "no_clone" } });
  await control.post("/agents/start", startBody(url, "exec sleep 60", { dispatchId: "a1:1" }));
  const mine = worktreeOf(control.workDir);
  const sha = commitFile(clone, "news.txt", "news\n");
  git(clone, "push", "--quiet", "origin", "main");
  const before = git(mine, "for-each-ref");
  const { status, body } = await control.post("/agents/a1/sync", order);
  expect(status).toBe(200);
  expect(SyncAnswer.parse(body)).toEqual({ synced: true, target: sha });
  expect(git(mine, "for-each-ref")).toBe(before);
  git(mine, "fetch", "--quiet", "origin");
  expect(git(mine, "rev-parse", "origin/main")).toBe(sha);
  expect(await control.post("/agents/..%2Fa1/sync", order)).toMatchObject({ status: 400 });
  const away = await control.post("/agents/a1/sync", { ...order, gitUrl: `${url}-away` });
  expect(away).toMatchObject({ status: 422, body: { code: "remote_unreachable" } });
});

test("a private repository is looked at with the secrets that the rig is to have, and without them it is said how to give them", async () => {
  const host = await createPrivateHost("x-access-token:s3cret");
  const control = await startControl();
  expect(await looked(control, host, "main", { GIT_TOKEN: "s3cret" })).toEqual({ result: "ok", warnings: [] });
  const without = await looked(control, host);
  expect(CODES(without)).toEqual(["unreadable"]);
  expect(wordsOf(without)).toMatch(/127\.0\.0\.1 wants a login.*the secret GIT_TOKEN/);
});
