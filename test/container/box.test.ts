import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { type BoxSpec, openBox } from "../../container/box/box.ts";
import { bwrapArgs, toolsOn } from "../../container/box/bwrap.ts";
import { cleanUp, storeOf, tempDir } from "./world.ts";
import { gated, member, sh, world } from "./train-world.ts";

const PATH = process.env["PATH"] ?? "";

test("GATE-box a check sees its copy and the system, and nothing else: no store, no state, no home, no sockets, no other process", async () => {
  const home = tempDir();
  writeFileSync(path.join(home, "key"), "secret");
  const w = await world({ HOME: home });
  const socket = path.join(tempDir(), "a.sock");
  const server = createServer().listen(socket);
  cleanUp(() => server.close());
  const looks = [
    ...[
      w.url,
      storeOf(w.control.workDir),
      path.join(w.control.workDir, "identity.json"),
      path.join(home, "key"),
      socket,
    ].map((file) => `test ! -e ${file}`),
    'test -z "$(ls -A /var/lib /srv /mnt 2>/dev/null)"',
    "test $(ls /proc | grep -c '^[0-9]') -lt 12",
    "! true > /usr/x",
    "! true > /etc/x",
    "! cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness",
    "! grep . /etc/shadow",
    'test "$(id -u)" -ne 0',
    'test -d "$HOME" && echo x > "$HOME/x" && echo x > /tmp/x',
    "mkdir out && rmdir out && node --version && git status",
  ];
  const report = await gated(
    w,
    [member(w, "a", { "a.txt": "a" })],
    sh(`set -ex\n${looks.join("\n")}\necho seen`, { expect: "seen" }),
  );
  expect(report.runs[0]?.checks[0]?.words).toBe("");
  expect(report).toMatchObject({ runs: [{ verdict: "green", boxed: true }] });
});

/** Runs a script in a box as somebody. */
function boxed(script: string, spec: Partial<BoxSpec>, hidden: readonly string[], uid?: number): string {
  const args = bwrapArgs({ cwd: "/", writable: [], readable: [], ...spec }, hidden);
  const ids = uid === undefined ? {} : { uid, gid: uid };
  const done = spawnSync("bwrap", [...args, "--", "sh", "-c", script], { encoding: "utf8", cwd: "/", ...ids });
  return `${done.status} ${done.stdout}${done.stderr}`;
}

test("a box works for root and for a plain user, who write what they were given, at the same path", () => {
  const mine = mkdtempSync("/var/tmp/ticktown-box-");
  cleanUp(() => rmSync(mine, { recursive: true, force: true }));
  chmodSync(mine, 0o755);
  for (const uid of process.getuid?.() === 0 ? [undefined, 65_534] : [undefined]) {
    const dir = path.join(mine, `of-${uid}`);
    const seen = path.join(mine, `seen-${uid}`);
    mkdirSync(dir);
    writeFileSync(seen, "seen");
    if (uid !== undefined) chownSync(dir, uid, uid);
    const script = `echo $(pwd) > written; cat ${seen}; ls ${mine} | wc -l; ! true > ${seen}`;
    expect(boxed(script, { cwd: dir, writable: [dir], readable: [seen] }, [], uid)).toMatch(/^0 seen\s*2\n/);
    expect(readFileSync(path.join(dir, "written"), "utf8")).toBe(`${dir}\n`);
  }
});

test("what is hidden is hidden inside of the system's folders too, and is not shown because something in it may be seen", () => {
  expect(boxed("ls /usr/share | wc -l", {}, ["/usr/share"])).toBe("0 0\n");
  // Nor is it a folder in memory in which as much could be kept as there is.
  expect(boxed("! true > /usr/share/x; ! true > /etc/ssl/private/x", {}, ["/usr/share"])).toMatch(/^0 /);
  const home = tempDir();
  mkdirSync(path.join(home, "tools", "bin"), { recursive: true });
  writeFileSync(path.join(home, "key"), "secret");
  const readable = [home, path.dirname(home), "/", path.join(home, "tools", "bin")];
  expect(boxed(`ls ${home}`, { readable }, [home])).toBe("0 tools\n");
  expect(toolsOn(`/usr/bin:${home}/tools/bin:relative:${home}/nowhere`)).toEqual([
    `${home}/tools/bin`,
    `${home}/tools/lib`,
    `${home}/tools/libexec`,
  ]);
});

test("a bubblewrap that is not there, does not work or hides nothing is none, and it is said why", async () => {
  const secret = path.join(tempDir(), "secret");
  writeFileSync(secret, "x");
  const opened = async (script: string | null): Promise<string> => {
    const bin = tempDir();
    if (script !== null) writeFileSync(path.join(bin, "bwrap"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const { box, why } = await openBox({ path: script === null ? bin : `${bin}:${PATH}`, hidden: [], secret });
    return `${box.kind}: ${why}`;
  };
  expect(await opened(null)).toMatch(/^none: bubblewrap \(bwrap\) is not installed/);
  expect(await opened("echo 'No permissions to create new namespace' >&2; exit 1")).toBe(
    "none: bubblewrap does not work here: No permissions to create new namespace",
  );
  expect(await opened('while test "$1" != --; do shift; done; shift; exec "$@"')).toBe(
    "none: bubblewrap does not work here: it hides nothing",
  );
  const { box } = await openBox({ path: PATH, hidden: [], secret });
  expect(box.kind).toBe("bwrap");
  const [program = "", ...args] = box.within({ cwd: "/", writable: [], readable: [] }, ["echo", "in it"]);
  expect(execFileSync(program, args, { encoding: "utf8" })).toBe("in it\n");
});
