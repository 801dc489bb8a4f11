/**
 * More than twenty ways out of an agent's box, by name: each is refused, or comes to nothing. Tried where the control server is root's, if these
 * tests are, and where it is a plain user's.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { borrowedFrom, linkIn } from "../../container/git/links.ts";
import { processesOf } from "../support/processes.ts";
import {
  type EscapeWorld,
  LEFT,
  LEFT_UNBOXED,
  UNBOXED,
  WHO,
  type Who,
  gitOf,
  isRun,
  worldOf,
} from "./escapes-world.ts";
import { createOrigin, storeOf, worktreeOf } from "./world.ts";

if (process.getuid?.() !== 0)
  process.stderr.write("ways out of root's box: not applicable here, these tests are not root's\n");

async function each(look: (world: EscapeWorld) => Promise<void> | void): Promise<void> {
  for (const who of WHO) await look(await worldOf(who));
}

const refused = (name: string): Promise<void> =>
  each(({ who, looks }) => expect([who.name, looks.get(name)]).toEqual([who.name, "refused"]));

test("ESC-state the state folder and its secrets are not there, though the rig asks to show it", () =>
  refused("state"));

test("ESC-home the operator's home is not there, though the rig asks to show it", () => refused("home"));

test("ESC-environ the environment of the control server cannot be read", () => refused("environ"));

test("ESC-clone another agent's clone is neither read nor written", async () => {
  await refused("clone");
  await each(({ workDir }) => expect(existsSync(path.join(worktreeOf(workDir, "a2"), "theirs.txt"))).toBe(false));
});

test("ESC-proc other processes are not seen", () => refused("proc"));

test("ESC-kill a process outside is not ended", async () => {
  await refused("kill");
  await each(({ victim }) => expect([victim.exitCode, victim.signalCode]).toEqual([null, null]));
});

test("ESC-setsid a child with a session of its own and no mark ends with its agent", () =>
  each(() => expect(isRun("sleep", LEFT)).toBe(false)));

test("ESC-symlink a link in the clone leads to nothing in the box, and one in its git folder is followed by nobody outside", async () => {
  await refused("symlink");
  await each(async ({ start, marks, workDir }) => {
    await start("a4", `git commit -q --allow-empty -m one; rm -rf .git/logs; ln -s '${marks}' .git/logs`);
    await start("a4", "true", { dispatchId: "a4:2", branch: "work/next", beadId: "next" });
    expect(readdirSync(marks).filter((name) => name === "HEAD" || name === "refs")).toEqual([]);
    expect(gitOf(path.join(worktreeOf(workDir, "a4"), ".git"), "branch", "--show-current")).toBe("work/next");
  });
});

test("ESC-hardlink neither a hard link nor a way upwards leads out of the clone", () => refused("hardlink"));

test("ESC-socket the control socket is not there", () => refused("socket"));

test("ESC-refs the store's refs are not written", () => refused("refs"));

test("ESC-config the store's configuration is not written", () => refused("config"));

test("ESC-hook a hook is not written into the store, and one in the clone or its inbox is run by nobody outside", async () => {
  await refused("hook");
  await each(async (world) => {
    await comesBy(world);
    expect(existsSync(path.join(world.marks, "hook"))).toBe(false);
  });
});

test("ESC-fsmonitor a program that the clone's configuration names is run by nobody outside", () =>
  each(async (world) => {
    await comesBy(world);
    expect(existsSync(path.join(world.marks, "fsmonitor"))).toBe(false);
  }));

test("ESC-abstract a socket that is in no file system is not reached from a box without a network", () =>
  refused("abstract"));

test("ESC-root another process's files are not reached by way of its entry in /proc", () => refused("root"));

test("ESC-keys the keyring that the control server was started with is not reached", () => refused("keys"));

test("ESC-descriptor what whoever started the control server left open is not open in the box", () =>
  each(async ({ start }) => {
    const { lines } = await start("a9", "ls -l /proc/self/fd | sed -n 's/.* -> //p'; ls /proc/self/fd/20/ || true");
    expect(lines.filter((line) => /ticktown-escapes-[^/]*$|^(home|work|marks)$/.test(line))).toEqual([]);
  }));

test("without a box each of these ways leads out, so that none is refused in one for a reason of its own", async () => {
  const { looks, victim } = await worldOf(UNBOXED);
  const { looks: boxed } = await worldOf(WHO[0] as Who);
  expect([...looks.keys()]).toEqual([...boxed.keys()]);
  expect([...looks].filter(([, what]) => what !== "ESCAPED")).toEqual([]);
  expect(victim.signalCode).toBe("SIGKILL");
  const left = processesOf("sleep", LEFT_UNBOXED);
  expect(left).toHaveLength(1);
  for (const pid of left) process.kill(Number(pid), "SIGKILL");
});

const cameBy = new Map<EscapeWorld, Promise<unknown>>();
/** The control server looks at what the first agent left, and makes its clone ready for another bead. */
function comesBy(world: EscapeWorld): Promise<unknown> {
  const { handIn, start } = world;
  const come = async (): Promise<void> => {
    expect(await handIn("a1", 1)).toMatchObject({ result: "accepted" });
    await start("a1", "true", { dispatchId: "a1:2", branch: "work/again", beadId: "again" });
  };
  const known = cameBy.get(world) ?? come();
  cameBy.set(world, known);
  return known;
}

test("ESC-alternates objects of another rig are not taken for the agent's own: not through what its clone borrows, not through a link", async () => {
  await refused("alternates");
  await each(async ({ start, handIn, workDir, foreignTree }) => {
    const theirs = path.join(storeOf(workDir, "rig2"), "objects");
    const commit = (agentId: string): string =>
      `c=$(printf 'tree ${foreignTree}\\nparent %s\\nauthor A <a@a> 1 +0000\\ncommitter A <a@a> 1 +0000\\n\\nx\\n' "$(git rev-parse HEAD)" | git hash-object -t commit -w --stdin --literally); echo $c > .git/refs/heads/work/${agentId}`;
    await start("a5", `${commit("a5")}; echo '${theirs}' >> .git/objects/info/alternates`);
    const folders = readdirSync(theirs).filter((name) => /^([0-9a-f]{2}|pack)$/.test(name));
    const links = `for dir in ${folders.join(" ")}; do test -e .git/objects/$dir || ln -s '${theirs}/'$dir .git/objects/$dir; done`;
    await start("a6", `${commit("a6")}; ${links}`);
    for (const agentId of ["a5", "a6"]) expect(await handIn(agentId, 1)).not.toMatchObject({ result: "accepted" });
    expect(() => gitOf(storeOf(workDir), "cat-file", "-e", foreignTree)).toThrow();
  });
});

const FORK = `'${process.execPath}' -e 'const {spawn}=require("child_process"); let up=0, no=0; const all=[]; for (let i=0;i<400;i++) { const c=spawn("sleep",["30"]); c.on("spawn",()=>up++); c.on("error",()=>no++); all.push(c); } setTimeout(()=>{ console.log(up, no); for (const c of all) c.kill(); }, 1000)'`;

test("ESC-fork a fork bomb comes to its bound, and the control server goes on", () =>
  each(async ({ start }) => {
    const { lines, reason } = await start("a7", FORK);
    if (reason.startsWith("pids_exceeded")) return;
    const [up = 400] = (lines[0] ?? "").split(" ").map(Number);
    expect([up < 150, reason]).toEqual([true, expect.stringMatching(/^exit 0/)]);
  }));

const FILL = "head -c 40M /dev/zero";
const FILLS = [
  "yes > big & sleep 60",
  // Half in a file without a name, and half where nobody may look.
  `exec 3> gone; rm gone; ${FILL} >&3; mkdir -p d/e; ${FILL} > d/e/x; chmod 0 d; sleep 60`,
];

test("ESC-disk a clone that fills the disk ends its agent, also by files that it has deleted, in folders that nobody may look into", () =>
  each(async ({ start }) => {
    const ended = await Promise.all(FILLS.map((script, n) => start(`a8-${n}`, script)));
    for (const { reason } of ended) expect(reason).toMatch(/^disk_exceeded/);
  }));

test("ESC-network neither the metadata address, nor what answers at another one of a network's, nor a service on loopback is reached", async () => {
  await refused("metadata");
  await refused("network");
});

test("ESC-key the model's key is nowhere in the box", () => refused("key"));

test("ESC-receipt a receipt's note is not forged, neither in the store nor by a push", async () => {
  await refused("receipt");
  await each(({ workDir, url }) => {
    for (const repository of [storeOf(workDir), url]) expect(gitOf(repository, "for-each-ref", "refs/notes")).toBe("");
  });
});

test("GIT_FOLDER_FILES_MAX: so many files of a git folder are looked through for links, and one with more counts as one with a link; links among its hooks are anybody's", () => {
  const { clone } = createOrigin();
  const folder = path.join(clone, ".git");
  rmSync(path.join(folder, "hooks"), { recursive: true });
  mkdirSync(path.join(folder, "hooks"));
  const files = readdirSync(folder, { recursive: true }).length;
  expect([linkIn(folder), linkIn(folder, files), linkIn(folder, files - 1)]).toEqual([
    null,
    null,
    `more than ${files - 1} files`,
  ]);
  symlinkSync("/", path.join(folder, "hooks", "here"));
  expect(linkIn(folder)).toBeNull();
  symlinkSync("/", path.join(folder, "refs", "there"));
  expect(linkIn(folder)).toBe("a link, refs/there");
  expect(linkIn(path.join(folder, "nowhere"))).toBe("a folder that cannot be read");
});

test("a clone that borrows from the store alone, or from nothing, is one that may be read", () => {
  const objects = path.join(createOrigin().clone, ".git", "objects");
  const file = path.join(objects, "info", "alternates");
  const said = (text: string): string | null => {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return borrowedFrom(objects, "/rigs/r/store.git");
  };
  expect(borrowedFrom(objects, "/store")).toBeNull();
  expect(said("/rigs/r/store.git/objects\n")).toBeNull();
  expect(said("/rigs/r/store.git/objects\n../x\n")).toBe("../x");
  expect(said("x".repeat(100_000))).toBe("a file that cannot be read");
});
