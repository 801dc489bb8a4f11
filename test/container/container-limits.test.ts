import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { connect, Server } from "node:net";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { openBoxes } from "../../container/box/boxes.ts";
import { createRoster } from "../../container/agents/roster.ts";
import { createStarts } from "../../container/agents/start.ts";
import { ensureInbox } from "../../container/git/clone.ts";
import { checkSize } from "../../container/git/files-of.ts";
import { readGitDir } from "../../container/git/foreign.ts";
import { agentFoldersOf, foldersOf } from "../../container/git/layout.ts";
import { locksBelow } from "../../container/git/locks.ts";
import { createHalting } from "../../container/halt.ts";
import { createMerges } from "../../container/git/merges.ts";
import { ensureGitConfig, gitConfigFile } from "../../container/git/user-config.ts";
import {
  DOOR_CONNECTIONS_MAX,
  FOREIGN_REFS_MAX,
  GIT_CONFIG_LINES_MAX,
  INBOX_MAX_BYTES,
  LEFTOVER_MAX_BYTES,
  LOCK_SEARCH_MAX,
  MERGES_PENDING_MAX,
  RUNNING_AGENTS_MAX,
} from "../../container/limits.ts";
import { MergeRequest, StartAgentRequest } from "../../src/wire/container.ts";
import { createDoor, dispatchAt } from "./door/world.ts";
import { gitThat, settings } from "./train-world.ts";
import { cleanUp, createOrigin, eventually, git, hostEnv, mergeBody, startBody, tempDir } from "./world.ts";

/** Bounds of git, merges and agents in one container, from both sides. */

const SHA = "0123456789abcdef0123456789abcdef01234567";

test("FOREIGN_REFS_MAX: a clone with so many branches is read, and with one more it is not, packed or loose", () => {
  const dir = tempDir();
  for (const folder of ["objects", "refs/heads"]) mkdirSync(path.join(dir, folder), { recursive: true });
  writeFileSync(path.join(dir, "HEAD"), "ref: refs/heads/b0\n");
  const pack = (refs: number): void =>
    writeFileSync(
      path.join(dir, "packed-refs"),
      Array.from({ length: refs }, (_, n) => `${SHA} refs/heads/b${n}\n`).join(""),
    );
  pack(FOREIGN_REFS_MAX);
  expect(readGitDir(dir, dir)?.heads.size).toBe(FOREIGN_REFS_MAX);
  pack(FOREIGN_REFS_MAX + 1);
  expect(readGitDir(dir, dir)).toBe(null);
  // One of them is loose.
  pack(FOREIGN_REFS_MAX - 1);
  writeFileSync(path.join(dir, "refs/heads/loose"), `${SHA}\n`);
  expect(readGitDir(dir, dir)?.heads.size).toBe(FOREIGN_REFS_MAX);
  pack(FOREIGN_REFS_MAX);
  expect(readGitDir(dir, dir)).toBe(null);
});

test("LEFTOVER_MAX_BYTES: untracked files of so many bytes together are kept, and with one more they are not", () => {
  const dir = tempDir();
  for (const [name, bytes] of [
    ["large", LEFTOVER_MAX_BYTES - 1],
    ["small", 1],
  ] as const) {
    writeFileSync(path.join(dir, name), "");
    // Without any block on the disk.
    truncateSync(path.join(dir, name), bytes);
  }
  expect(() => checkSize(dir, ["large", "small", "gone meanwhile"])).not.toThrow();
  writeFileSync(path.join(dir, "more"), "x");
  expect(() => checkSize(dir, ["large", "small", "more"])).toThrow(
    `has more than ${LEFTOVER_MAX_BYTES} bytes of untracked files`,
  );
});

test("LOCK_SEARCH_MAX: the last file that is looked at is found, and the one behind it is not", () => {
  const dir = tempDir();
  writeFileSync(path.join(dir, "main.lock"), "");
  expect(locksBelow(dir, { seen: LOCK_SEARCH_MAX - 1 })).toEqual([path.join(dir, "main.lock")]);
  expect(locksBelow(dir, { seen: LOCK_SEARCH_MAX })).toEqual([]);
});

test("GIT_CONFIG_LINES_MAX: so many lines of the operator's are taken over; of more the last, with a warning", async () => {
  for (const more of [0, 1]) {
    const workDir = tempDir();
    const given = path.join(tempDir(), "config");
    const lines = Array.from({ length: GIT_CONFIG_LINES_MAX + more }, (_, n) => `  x${n} = ${n}\n`);
    writeFileSync(given, `[lfs]\n${lines.join("")}`);
    const warnings = await ensureGitConfig(workDir, {
      ...hostEnv(),
      GIT_CONFIG_GLOBAL: given,
      GIT_CONFIG_NOSYSTEM: "1",
    });
    expect(warnings).toEqual(
      more === 0
        ? []
        : [
            `of the git configuration only the last ${GIT_CONFIG_LINES_MAX} of ${GIT_CONFIG_LINES_MAX + 1} lines are used`,
          ],
    );
    const text = readFileSync(gitConfigFile(workDir), "utf8");
    expect(text.includes("x0 = ")).toBe(more === 0);
    expect(text).toContain(`x${GIT_CONFIG_LINES_MAX + more - 1} = `);
  }
});

test("INBOX_MAX_BYTES: an inbox is made with it, and git refuses a push that is over what an inbox says", () => {
  const folders = foldersOf(tempDir(), "rig1");
  const mine = agentFoldersOf(folders, "a1");
  mkdirSync(folders.store, { recursive: true });
  ensureInbox(folders, mine);
  expect(git(mine.inbox, "config", "--get", "receive.maxInputSize")).toBe(String(INBOX_MAX_BYTES));

  const { clone } = createOrigin();
  const push = () => git(clone, "push", "--quiet", mine.inbox, "HEAD:refs/heads/work");
  git(mine.inbox, "config", "receive.maxInputSize", "100");
  expect(push).toThrow();
  git(mine.inbox, "config", "receive.maxInputSize", String(INBOX_MAX_BYTES));
  push();
  expect(git(mine.inbox, "rev-parse", "refs/heads/work")).toBe(git(clone, "rev-parse", "HEAD"));
});

test("MERGES_PENDING_MAX: so many merges wait in one container, and one more is refused; one that waits already is not one more", async () => {
  const go = path.join(tempDir(), "go");
  const held = `case " $* " in *" fetch "*) while test ! -e ${go}; do sleep 0.05; done; exit 1 ;; esac`;
  const config = settings({ PATH: gitThat(held), GASTOWN_API_URL: "http://127.0.0.1:9" });
  const callbacks = {
    enqueue: () => {},
    resume: () => 0,
    pending: () => 0,
    late: () => false,
    flush: async () => true,
    close: () => {},
  };
  const merges = createMerges({ config, callbacks, log: () => {}, halting: createHalting("/nowhere") });
  const ask = (n: number) =>
    merges.accept(MergeRequest.parse(mergeBody("/nowhere.git", "b", { entryId: `e${n}`, dispatchId: `e${n}:1` })));
  for (let n = 1; n <= MERGES_PENDING_MAX; n++) await ask(n);
  expect(merges.running()).toBe(MERGES_PENDING_MAX);
  await expect(ask(MERGES_PENDING_MAX + 1)).rejects.toMatchObject({ httpStatus: 429, code: "too_many_merges" });
  await ask(MERGES_PENDING_MAX);
  writeFileSync(go, "");
  merges.refuseNew();
  await merges.whenIdle();
  expect(merges.running()).toBe(0);
}, 120_000);

test("RUNNING_AGENTS_MAX: so many agents run in one container, and one more is refused", async () => {
  const roster = createRoster();
  const config = settings({ AGENT_COMMAND: "true", BOX: "none" });
  const boxes = await openBoxes({ config, mark: "none", door: createDoor().door, log: () => {} });
  const starts = createStarts({
    config,
    roster,
    log: () => {},
    launch: async (_, run) => void roster.remember(Object.assign(run, { status: "running" })),
    endRun: (run) => void Object.assign(run, { status: "exited" }),
    report: () => {},
    refuseWhileDraining: () => {},
    startAnswer_ms: 60_000,
    freeBytes: () => Infinity,
    agentBoxes: boxes.agents,
  });
  const start = (n: number, dispatch: number) =>
    starts.start(
      StartAgentRequest.parse(startBody("/nowhere.git", "true", { agentId: `a${n}`, dispatchId: `a${n}:${dispatch}` })),
    );
  for (let n = 1; n <= RUNNING_AGENTS_MAX; n++) await start(n, 1);
  expect(roster.live()).toHaveLength(RUNNING_AGENTS_MAX);
  await expect(start(RUNNING_AGENTS_MAX + 1, 1)).rejects.toMatchObject({ httpStatus: 429, code: "too_many_agents" });
});

test("DOOR_CONNECTIONS_MAX: the door has it, and one connection over what a server has is closed", async () => {
  const listens = vi.spyOn(Server.prototype, "listen");
  cleanUp(() => listens.mockRestore());
  const { door } = createDoor();
  const pass = await door.open(dispatchAt("http://127.0.0.1:9"));
  const server = listens.mock.contexts[0] as Server;
  expect(server.maxConnections).toBe(DOOR_CONNECTIONS_MAX);
  server.maxConnections = 2;
  const { hostname, port } = new URL(pass.mcpUrl);
  const sockets = Array.from({ length: 3 }, () =>
    connect({ host: hostname, port: Number(port) }).on("error", () => {}),
  );
  cleanUp(() => sockets.forEach((socket) => socket.destroy()));
  await eventually("one of three is closed", () => sockets.filter(({ closed }) => closed).length === 1, 60_000);
});
