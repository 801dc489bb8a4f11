import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { openBox } from "../../container/box/box.ts";
import { runCheck } from "../../container/gate/check.ts";
import { rulesOf } from "../../container/gate/rules.ts";
import { lostPointer } from "../../container/gate/submodules.ts";
import { lastOf } from "../../container/gate/words.ts";
import { parseRemote } from "../../container/git/remotes.ts";
import * as LIMITS from "../../container/limits.ts";
import { Gate } from "../../src/events/gate.ts";
import { cleanUp, createOrigin, git, isRunning, tempDir } from "./world.ts";
import { contextOn, gitThat, member, onMain, settings } from "./train-world.ts";

/** The bounds of the gate, from both sides. */

const sizeOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;

test("of what a check prints so many lines are kept, and of them what fits is told", async () => {
  const check = { name: "c", command: `seq ${LIMITS.CHECK_LINES_KEPT + 1}; exit 1`, timeout_ms: 60_000 };
  const run = await runCheck({
    check,
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    mark: tempDir(),
    redact: (text) => text,
    grace_ms: 1_000,
    within: (argv) => argv,
    signal: new AbortController().signal,
  });
  const [sentence, ...lines] = run.words.split("\n");
  expect([sentence, lines[0], lines.length]).toEqual(["exit 1", "2", LIMITS.CHECK_LINES_KEPT]);

  const most = LIMITS.CHECK_WORDS_MAX_BYTES;
  const first = most - sizeOf("exit 1\n\nlast");
  const told = (chars: number, char = "x"): string => lastOf("exit 1", [char.repeat(chars), "last"]);
  expect(told(first)).toBe(`exit 1\n${"x".repeat(first)}\nlast`);
  expect(sizeOf(told(first))).toBe(most);
  expect(told(first + 1)).toBe("exit 1\nlast");
  // Counted as they are sent.
  expect(told(Math.floor(first / 3), "漢")).toMatch(/^exit 1\n漢+\nlast$/);
  expect(told(Math.floor(first / 3) + 1, "漢")).toBe("exit 1\nlast");
  expect(lastOf("exit 1", [`${"x".repeat(2 * most)}end`])).toMatch(/^exit 1\nx+end$/);
});

test("a rig may ask for so many checks, commands so long, times, protected paths and gates side by side, and no more", () => {
  const [check, glob] = [{ name: "c", command: "true" }, "x".repeat(500)];
  const checks = (n: number): unknown[] => Array.from({ length: n }, (_, i) => ({ ...check, name: `c${i}` }));
  const MINUTE_MS = 60_000;
  const sides: [taken: object, refused: object][] = [
    [{ checks: checks(20) }, { checks: checks(21) }],
    ...(
      [
        ["command", "x".repeat(10_000), "x".repeat(10_001)],
        ["timeout_ms", 1_000, 999],
        ["timeout_ms", 360 * MINUTE_MS, 360 * MINUTE_MS + 1],
        ["expect", "x".repeat(500), "x".repeat(501)],
        ["name", "x".repeat(60), "x".repeat(61)],
      ] as const
    ).map(([key, ...both]) => both.map((value) => ({ checks: [{ ...check, [key]: value }] })) as [object, object]),
    [{ protect: Array.from({ length: 100 }, () => glob) }, { protect: Array.from({ length: 101 }, () => glob) }],
    [{ protect: [glob] }, { protect: [`${glob}x`] }],
    [{ gate_slots: 32 }, { gate_slots: 33 }],
    [{ train_max: 64 }, { train_max: 65 }],
  ];
  for (const [taken, refused] of sides)
    expect([Gate.safeParse(taken).success, Gate.safeParse(refused).success]).toEqual([true, false]);
});

test("the file with the checks is read up to its bound, and refused one byte further", async () => {
  const place = createOrigin();
  const text = '{"checks":[]}';
  const rules = (bytes: number): ReturnType<typeof rulesOf> =>
    rulesOf(contextOn(place.url), onMain(place, ".ticktown/checks.json", text.padEnd(bytes)));
  expect(await rules(LIMITS.CHECKS_FILE_MAX_BYTES)).toEqual({ checks: [], setup: null });
  await expect(rules(LIMITS.CHECKS_FILE_MAX_BYTES + 1)).rejects.toThrow(
    `is larger than ${LIMITS.CHECKS_FILE_MAX_BYTES} bytes`,
  );
});

test("GATE-pointers so many new pointers into other repositories are looked for, and a tree with more is red", async () => {
  const place = createOrigin();
  const [there, lost] = ["4".repeat(40), "3".repeat(40)];
  const asked = path.join(tempDir(), "asked");
  const PATH = gitThat(
    `case " $* " in *" fetch "*) echo x >> ${asked} ;; esac; case " $* " in *" fetch "*${lost}*) echo 'fatal: not our ref' >&2; exit 128 ;; *" fetch "*) exit 0 ;; esac`,
  );
  /** Good ones, and behind them one that is lost. */
  const seen = async (good: number): Promise<[string | null, number]> => {
    rmSync(asked, { force: true });
    const names = Array.from({ length: good + 1 }, (_, n) => `lib-${String(n).padStart(3, "0")}`);
    const lines = names.map((name) => `[submodule "${name}"]\n\tpath = ${name}\n\turl = ../lib.git\n`);
    const pointers = names.map((name, n) => [name, { pointer: n === good ? lost : there }] as const);
    const { commit } = member(place, `with-${good}`, {
      ".gitmodules": lines.join(""),
      ...Object.fromEntries(pointers),
    });
    const sentence = await lostPointer(
      contextOn(place.url),
      settings({ PATH }),
      git(place.url, "rev-parse", "main"),
      commit,
    );
    return [sentence, existsSync(asked) ? readFileSync(asked, "utf8").split("\n").length - 1 : 0];
  };
  const most = LIMITS.SUBMODULES_MAX;
  expect(await seen(most - 1)).toEqual([expect.stringContaining(`points to ${lost}`), most]);
  expect(await seen(most)).toEqual([expect.stringContaining(`${most + 1} new pointers`), 0]);
});

test("GATE-pointers_asked only what the target names, or lies where its own repository does, is asked with what this server logs in with", async () => {
  const place = createOrigin();
  const remote = "https://git.test/our/app.git";
  const asked = path.join(tempDir(), "asked");
  const PATH = gitThat(`case " $* " in *" fetch "*) echo "$IN_BOX $*" >> ${asked}; exit 0 ;; esac`);
  const modules = (urls: readonly string[]): string =>
    urls.map((url, n) => `[submodule "${n}"]\n\tpath = lib-${n}\n\turl = ${url}\n`).join("");
  const known = "https://taken.test/lib.git";
  const target = onMain(place, ".gitmodules", modules([known]));
  const urls = [
    known,
    "../other.git",
    "git@git.test:our/third.git",
    "https://elsewhere.test/lib.git",
    "ssh://internal/x",
  ];
  const { commit } = member(place, "names", {
    ".gitmodules": modules(urls),
    ...Object.fromEntries(urls.map((_, n) => [`lib-${n}`, { pointer: String(n).repeat(40) }])),
  });
  const reading = (_: unknown, argv: readonly string[]): readonly string[] => ["env", "IN_BOX=boxed", ...argv];
  const context = { ...contextOn(place.url), remote: parseRemote(remote, {}) };
  expect(await lostPointer(context, { ...settings({ PATH }), reading }, target, commit)).toBe(null);
  const lines = readFileSync(asked, "utf8").trim().split("\n");
  expect(lines.map((line) => [line.startsWith("boxed "), /\S+(?= \d{40}$)/.exec(line)?.[0]])).toEqual([
    [false, known],
    [false, "https://git.test/our/other.git"],
    [false, "git@git.test:our/third.git"],
    [true, "https://elsewhere.test/lib.git"],
    [true, "ssh://internal/x"],
  ]);
});

test("a box that does not answer within its time is none", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  cleanUp(() => vi.useRealTimers());
  const bin = tempDir();
  const pid = path.join(bin, "pid");
  writeFileSync(path.join(bin, "bwrap"), `#!/bin/sh\necho $$ > ${pid}.new; mv ${pid}.new ${pid}; exec sleep 600\n`, {
    mode: 0o755,
  });
  let opened: Awaited<ReturnType<typeof openBox>> | null = null;
  const opening = openBox({ path: `${bin}:${process.env["PATH"]}`, hidden: [], secret: pid }).then(
    (box) => (opened = box),
  );
  const read = (): number => {
    try {
      return Number(readFileSync(pid, "utf8"));
    } catch {
      return 0;
    }
  };
  while (read() === 0) await turn();
  vi.advanceTimersByTime(LIMITS.BOX_PROBE_TIMEOUT_MS - 1);
  expect([isRunning(read()), opened]).toEqual([true, null]);
  vi.advanceTimersByTime(1);
  expect(await opening).toMatchObject({ box: { kind: "none" }, why: expect.stringContaining("took longer than 10 s") });
});
