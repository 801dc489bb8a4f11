import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { readConfig } from "../../container/config.ts";
import {
  SOCKET_PATH_MAX_BYTES,
  checkSocketPath,
  openControlSocket,
  prepareSocket,
} from "../../container/http/socket.ts";
import { cleanUp, createOrigin, eventually, startBody, startControl, tempDir } from "./world.ts";

interface Said {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** One request over a unix socket. */
function over(socketPath: string, method: string, to: string, body?: unknown): Promise<Said> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { socketPath, method, path: to, headers: { "content-type": "application/json" } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
          }),
        );
      },
    );
    asking.once("error", reject);
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test("the control server listens on a socket in a folder of mode 700 that it makes, and takes both away when it ends", async () => {
  const file = path.join(tempDir(), "own", "control.sock");
  const control = await startControl({ LISTEN_SOCKET: file });
  expect(control.server.url).toBe(`unix:${file}`);
  expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await over(file, "GET", "/health")).toMatchObject({ status: 200, body: { status: "ok" } });
  await control.server.drain();
  expect([existsSync(file), existsSync(path.dirname(file))]).toEqual([false, false]);
});

test("agents, events and streams work over a socket", async () => {
  const file = path.join(tempDir(), "own", "control.sock");
  await startControl({ LISTEN_SOCKET: file });
  expect((await over(file, "POST", "/agents/start", startBody(createOrigin().url, "echo one; read x"))).status).toBe(
    201,
  );
  const { ticket } = (await over(file, "POST", "/agents/a1/stream-ticket")).body as { ticket: string };
  let streamed = "";
  const upgrade = request({
    socketPath: file,
    path: `/agents/a1/stream?ticket=${ticket}`,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  upgrade.on("upgrade", (_answer, socket, head) => {
    cleanUp(() => socket.destroy());
    streamed += head.toString();
    socket.on("data", (chunk: Buffer) => (streamed += chunk.toString()));
  });
  upgrade.end();
  await eventually("what the agent prints is streamed", () => streamed.includes('"line":"one"'));
});

test("a path that a socket has no room for is refused in words, and the longest one that fits is not", () => {
  const longest = `/tmp/${"x".repeat(SOCKET_PATH_MAX_BYTES - 5)}`;
  checkSocketPath(longest);
  expect(readConfig({ LISTEN_SOCKET: longest }).socket).toBe(longest);
  expect(() => readConfig({ LISTEN_SOCKET: `${longest}x` })).toThrow(
    `LISTEN_SOCKET is ${SOCKET_PATH_MAX_BYTES + 1} bytes long`,
  );
  // Counted in bytes, as the kernel does.
  expect(() => readConfig({ LISTEN_SOCKET: `/tmp/${"ü".repeat((SOCKET_PATH_MAX_BYTES - 3) / 2)}` })).toThrow(
    "bytes long",
  );
  expect(() => readConfig({ LISTEN_SOCKET: "run/control.sock" })).toThrow("it must be an absolute path");
});

test("a socket's folder that others can enter, a link, or a file in its place is refused", async () => {
  const dir = tempDir();
  const inside = (name: string): string => path.join(dir, name, "control.sock");
  mkdirSync(path.join(dir, "open"));
  chmodSync(path.join(dir, "open"), 0o710);
  await expect(prepareSocket(inside("open"))).rejects.toThrow("can be entered by others (mode 710)");
  symlinkSync(mkdtempSync(path.join(dir, "target-")), path.join(dir, "link"));
  await expect(prepareSocket(inside("link"))).rejects.toThrow("is a symbolic link");
  writeFileSync(path.join(dir, "file"), "");
  await expect(prepareSocket(inside("file"))).rejects.toThrow("is not a folder");
  await expect(prepareSocket(path.join(dir, "no", "such", "control.sock"))).rejects.toThrow("cannot be made");
  mkdirSync(path.join(dir, "mine"), { mode: 0o700 });
  await prepareSocket(inside("mine"));
});

test.runIf(process.getuid?.() === 0)("a socket's folder of another user is refused", async () => {
  const folder = path.join(tempDir(), "theirs");
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, 65_534, 65_534);
  await expect(prepareSocket(path.join(folder, "control.sock"))).rejects.toThrow("belongs to the user with id 65534");
});

test("a socket that nobody listens on is replaced; one that is listened on, or a file, is left alone", async () => {
  const folder = path.join(tempDir(), "own");
  mkdirSync(folder, { mode: 0o700 });
  const [taken, file] = [path.join(folder, "taken.sock"), path.join(folder, "notes.txt")];
  writeFileSync(file, "mine");
  await expect(prepareSocket(file)).rejects.toThrow("is not a socket; it was left alone");
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(taken, resolve));
  await expect(startControl({ LISTEN_SOCKET: taken })).rejects.toThrow(`another program listens on ${taken}`);
  expect(existsSync(taken)).toBe(true);
  // Under another name it outlives its server, like the socket of one that was killed.
  const dead = path.join(folder, "dead.sock");
  renameSync(taken, dead);
  await new Promise((resolve) => other.close(resolve));
  expect(existsSync(dead)).toBe(true);
  const control = await startControl({ LISTEN_SOCKET: dead });
  expect((await over(dead, "GET", "/health")).status).toBe(200);
  await control.server.drain();
  expect(existsSync(folder)).toBe(true);
});

/** Where a Ticktown on a state folder would listen. */
function socketOf(stateDir: string, env: Record<string, string>): string {
  const { path: file, note, leave } = openControlSocket(stateDir, env);
  expect([note, statSync(path.dirname(file)).mode & 0o777]).toEqual([null, 0o700]);
  leave();
  expect(existsSync(path.dirname(file))).toBe(false);
  return file;
}

test("the socket of a state folder is short, the same at every start, and another one for another folder", () => {
  const [one, two] = [tempDir(), tempDir()];
  const runtime = tempDir();
  chmodSync(runtime, 0o700);
  expect(socketOf(one, { XDG_RUNTIME_DIR: runtime })).toMatch(
    new RegExp(`^${runtime}/ticktown-[0-9a-f]{16}/control\\.sock$`),
  );
  expect(socketOf(one, {})).toMatch(/^\/tmp\/ticktown-\d+-[0-9a-f]{16}\/control\.sock$/);
  expect(socketOf(one, {})).toBe(socketOf(one, {}));
  expect(socketOf(one, {})).not.toBe(socketOf(two, {}));
  const link = path.join(two, "link");
  symlinkSync(one, link);
  expect(socketOf(link, {})).toBe(socketOf(one, {}));
});

test("a runtime folder that is missing, shared or too long gives way to /tmp", () => {
  const state = tempDir();
  const shared = tempDir();
  chmodSync(shared, 0o777);
  const long = path.join(tempDir(), "x".repeat(80));
  mkdirSync(long, { mode: 0o700 });
  for (const runtime of ["/no/such/folder", "relative", shared, long])
    expect(socketOf(state, { XDG_RUNTIME_DIR: runtime })).toBe(socketOf(state, {}));
});

test("F-711 whoever was first in the socket's folder keeps nobody from starting: it is left alone, and another one is made that nobody foresaw", async () => {
  const [state, runtime, target] = [tempDir(), tempDir(), tempDir()];
  chmodSync(runtime, 0o700);
  const env = { XDG_RUNTIME_DIR: runtime };
  const usual = path.dirname(socketOf(state, env));
  const squats: [string, () => void][] = [
    ["is a symbolic link", () => symlinkSync(target, usual)],
    ["is not a folder", () => writeFileSync(usual, "")],
    ["can be entered by others (mode 755)", () => (mkdirSync(usual), chmodSync(usual, 0o755))],
    ...(process.getuid?.() === 0
      ? [["belongs to the user with id 65534", () => (mkdirSync(usual), chownSync(usual, 65_534, 65_534))] as const]
      : []),
  ].map(([why, make]) => [why, make] as [string, () => void]);
  for (const [why, squat] of squats) {
    squat();
    const socket = openControlSocket(state, env);
    const folder = path.dirname(socket.path);
    expect(socket.note).toBe(`${usual} ${why}, so it was left alone: the control server listens in ${folder}`);
    expect([path.dirname(folder), folder === usual]).toEqual([runtime, false]);
    expect([statSync(folder).uid, statSync(folder).mode & 0o777]).toEqual([process.getuid?.(), 0o700]);
    expect(readdirSync(target)).toEqual([]);
    const control = await startControl({ LISTEN_SOCKET: socket.path });
    expect((await over(socket.path, "GET", "/health")).status).toBe(200);
    await control.server.drain();
    socket.leave();
    expect([existsSync(folder), lstatSync(usual, { throwIfNoEntry: false }) === undefined]).toEqual([false, false]);
    rmSync(usual, { recursive: true, force: true });
  }
  // One of our own that was left by a Ticktown that was killed is used again, and its dead socket with it.
  mkdirSync(usual, { mode: 0o700 });
  expect(openControlSocket(state, env)).toMatchObject({ note: null, path: path.join(usual, "control.sock") });
});
