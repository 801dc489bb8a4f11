/** What the tests of trains share: a control server with a rig that listens, a repository, and members for a train. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, vi } from "vitest";
import { type Config, readConfig } from "../../container/config.ts";
import { gatesOf } from "../../container/gate/copy.ts";
import { type Git, TICKTOWN_IDENTITY, createGit } from "../../container/git/git.ts";
import { foldersOf } from "../../container/git/layout.ts";
import { parseRemote } from "../../container/git/remotes.ts";
import type { TrainContext } from "../../container/train/context.ts";
import type { Checker } from "../../container/train/run.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { TrainReport, TrainRequest } from "../../src/wire/train.ts";
import {
  type Control,
  type FakeRig,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  hostEnv,
  startControl,
  tempDir,
} from "./world.ts";

vi.setConfig({ testTimeout: 120_000 });

export interface World {
  readonly control: Control;
  readonly rig: FakeRig;
  readonly url: string;
  readonly clone: string;
}

export async function world(env: Record<string, string> = {}): Promise<World> {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...env });
  return { control, rig, ...createOrigin() };
}

/** Commits to a branch of the remote, one per file (null: it goes), without a checkout. @returns the last one */
function commits({ url }: Pick<World, "url">, branch: string, files: Files, from: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const change = (file: string, content: Files[string]): string => {
    if (content === null || content === undefined) return `D ${file}\n`;
    if (typeof content === "string") return `M 100644 inline ${file}\n${data(content)}`;
    return `M 160000 ${content.pointer} ${file}\n`;
  };
  const stream = Object.entries(files).map(([file, content], n) =>
    [
      `commit refs/heads/${branch}\ncommitter Test <test@example.com> ${seconds} +0000\n`,
      data(`${content === null ? "remove" : "write"} ${file}`),
      n === 0 ? `from ${from}^0\n` : "",
      change(file, content),
    ].join(""),
  );
  execFileSync("git", ["fast-import", "--quiet", "--force"], { cwd: url, input: `${stream.join("\n")}\n` });
  return readFileSync(path.join(url, "refs", "heads", branch), "utf8").trim();
}

/** Contents; null: it goes; a pointer: into another repository. */
type Files = Readonly<Record<string, string | null | { readonly pointer: string }>>;

/** A branch at the remote with the files, one commit for each, and the member that brings it. */
export function member(
  place: Pick<World, "url">,
  name: string,
  files: Files,
  more: Record<string, unknown> = {},
  from = "refs/heads/main",
): Record<string, unknown> & { commit: string } {
  return {
    entryId: `entry-${name}`,
    beadId: `bead-${name}`,
    agentId: "a1",
    branch: name,
    commit: commits(place, name, files, from),
    title: `The title of ${name}`,
    approvedTree: null,
    ...more,
  };
}

/** Commits to main. */
export function onMain(place: Pick<World, "url">, file: string, content: string): string {
  return commits(place, "main", { [file]: content }, "refs/heads/main");
}

export function trainBody(
  url: string,
  members: readonly unknown[],
  { gate, ...more }: { gate?: Record<string, unknown> } & Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    trainId: "rig1:1",
    rigId: "rig1",
    gitUrl: url,
    targetBranch: "main",
    members,
    gates: [members.length],
    again: null,
    gate: { checks: [], ...gate },
    envVars: { GASTOWN_SESSION_TOKEN: "session-token-1" },
    ...more,
  };
}

/** Asks for the train and waits for the n-th report of it. */
export async function ran({ control, rig }: World, body: Record<string, unknown>, n = 1): Promise<TrainReport> {
  const ask = (): ReturnType<Control["post"]> => control.post("/git/train", body);
  // A connection that was idle for long may be closed at the same moment; asking again is what the rig does, too.
  const asked = await ask().catch(ask);
  if (asked.status !== 202) throw new Error(JSON.stringify(asked));
  const to = `/trains/${encodeURIComponent(String(body["trainId"]))}/complete`;
  return (await eventually("the report", () => rig.to(to)[n - 1], 60_000)).body as TrainReport;
}

/** A git on the PATH that does as the script says: `$real` is the real one. */
export function gitThat(script: string): string {
  const bin = tempDir();
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  writeFileSync(path.join(bin, "git"), `#!/bin/sh\nreal=${real}\n${script}\nexec $real "$@"\n`, { mode: 0o755 });
  return `${bin}:${process.env["PATH"] ?? ""}`;
}

/** Subjects of the target, along its first parents, the newest first. */
export const subjects = (url: string): string[] => git(url, "log", "--first-parent", "--format=%s", "main").split("\n");

let trains = 0;

/** A train with these checks, on all of its members. */
export function gated(
  w: World,
  members: readonly unknown[],
  checks: unknown,
  { gate, ...more }: { gate?: Record<string, unknown> } & Record<string, unknown> = {},
): Promise<TrainReport> {
  const trainId = `rig1:${++trains}`;
  return ran(w, trainBody(w.url, members, { trainId, gate: { checks, ...gate }, ...more }));
}

/** One check. */
export const sh = (command: string, more: Record<string, unknown> = {}): unknown[] => [
  { name: "check", command, ...more },
];

/** Why the only check of the only run is red; nothing was pushed. */
export async function redWhy(
  w: World,
  checks: unknown,
  files: Parameters<typeof member>[2] = { "a.txt": "a" },
): Promise<unknown> {
  const before = git(w.url, "rev-parse", "main");
  const report = await gated(w, [member(w, `b${trains}`, files)], checks);
  expect(TrainReport.parse(report)).toEqual(report);
  expect(report).toMatchObject({ left: [], pushed: null, stopped: null, runs: [{ upTo: 1, verdict: "red" }] });
  expect(git(w.url, "rev-parse", "main")).toBe(before);
  const copies = gatesOf(w.control.workDir);
  expect(existsSync(copies) ? readdirSync(copies) : []).toEqual([]);
  return report.runs[0]?.checks.at(-1);
}

/** Settings of a server that is not started. */
export function settings(env: Record<string, string> = {}): Config {
  return readConfig({ ...hostEnv(), CONTROL_TOKEN: "t", WORK_DIR: tempDir(), ...env });
}

/** What the parts of a train are given, with a repository that is store and remote in one. */
export function contextOn(
  url: string,
  { gate = {}, git: given, config = settings() }: { gate?: Record<string, unknown>; git?: Git; config?: Config } = {},
): TrainContext {
  const request = TrainRequest.parse(trainBody(url, [], { gate: { checks: null, ...gate } }));
  const redact = (text: string): string => text;
  return {
    request,
    git: given ?? createGit(config, TICKTOWN_IDENTITY, redact),
    who: TICKTOWN_IDENTITY,
    remote: parseRemote(url, {}),
    folders: { ...foldersOf(config.workDir, "rig1"), store: url },
    redact,
    ephemeral: false,
    checksIn: "no box",
    signal: new AbortController().signal,
    say: () => {},
  };
}

const NO_ROOM = { bytes: null, files: null };

/** A git that runs nothing: it prints what the test says. */
export function fakeGit(prints: (args: readonly string[], input: string | undefined) => string): Git {
  const run: (...args: Parameters<Git>) => ReturnType<Git> = async (_, args, { input } = {}) => ({
    code: 0,
    stdout: prints(args, input),
    stderr: "",
  });
  return Object.assign(run, { place: DEFAULT_PLACE, reading: null, room: NO_ROOM });
}

/** Nothing is to be checked. */
export const NO_CHECKS: Checker = { check: async () => false };
