import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readConfig } from "../../../container/config.ts";
import { createDiffs } from "../../../container/git/diff.ts";
import { TICKTOWN_IDENTITY, createGit } from "../../../container/git/git.ts";
import { REFS, foldersOf } from "../../../container/git/layout.ts";
import { parseRemote } from "../../../container/git/remotes.ts";
import { refreshStore } from "../../../container/git/store.ts";
import type { Diff, DiffRequest } from "../../../src/wire/diff.ts";

/** Work for a page to show: a real repository, real commits, and the real control server's answer about them; no agent runs. */
export interface Work {
  diff(request: DiffRequest): Promise<Diff>;
  remove(): void;
}

/** Many lines, and names and texts that would like to be something else. */
export const LINES = 5_000;
export const HOSTILE_NAME = `docs/<img src=x onerror="document.title='owned'">.md`;
export const HOSTILE_LINE = `<script>document.title = "owned"</script> \u202Egnp.exe`;

const GIT_ENV = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  GIT_AUTHOR_NAME: "polecat-1",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "polecat-1",
  GIT_COMMITTER_EMAIL: "a@example.com",
};

/** @param beadId whose work it is */
export async function makeWork(rigId: string, beadId: string): Promise<Work> {
  const dir = mkdtempSync(path.join(tmpdir(), "ticktown-work-"));
  const [origin, clone, workDir] = [path.join(dir, "origin.git"), path.join(dir, "clone"), path.join(dir, "container")];
  const git = (cwd: string, ...args: string[]): string =>
    execFileSync("git", args, { cwd, env: GIT_ENV, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(clone, file)), { recursive: true });
    writeFileSync(path.join(clone, file), text);
  };
  git(dir, "init", "--quiet", "--bare", "--initial-branch=main", origin);
  git(dir, "clone", "--quiet", origin, clone);
  write("src/money/total.ts", TOTAL.join("\n"));
  write("src/money/old-name.ts", Array.from({ length: 40 }, (_, n) => `export const value${n} = ${n};\n`).join(""));
  git(clone, "add", "-A");
  git(clone, "commit", "--quiet", "-m", "Totals");
  git(clone, "push", "--quiet", "origin", "HEAD:main");
  git(clone, "mv", "src/money/old-name.ts", "src/money/round.ts");
  write("src/money/total.ts", [...TOTAL.slice(0, 3), ...ROUNDED, ...TOTAL.slice(5)].join("\n"));
  write(HOSTILE_NAME, `${HOSTILE_LINE}\n`);
  git(clone, "add", "-A");
  git(clone, "commit", "--quiet", "-m", "Round every line the way Finance does");
  write(
    "fixtures/october.csv",
    Array.from({ length: LINES }, (_, n) => `order-${n},${n % 97}.${n % 10}0,EUR\n`).join(""),
  );
  write("fixtures/logo.bin", "GIF89a\0\0\0");
  git(clone, "add", "-A");
  git(clone, "commit", "--quiet", "-m", "The October orders");
  git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/work");
  const config = readConfig({ ...GIT_ENV, WORK_DIR: workDir, CONTROL_TOKEN: "x".repeat(32), AGENT_COMMAND: "true" });
  const remote = parseRemote(origin, {});
  const folders = foldersOf(workDir, rigId);
  await refreshStore(
    createGit(config, TICKTOWN_IDENTITY, (text) => text, remote),
    folders,
    remote,
  );
  git(folders.store, "update-ref", `${REFS.handedIn(beadId)}/1`, git(clone, "rev-parse", "HEAD"));
  const diffs = createDiffs(config);
  return {
    diff: (request) => diffs.diff({ ...request, gitUrl: origin }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

const TOTAL = [
  "/** What is to be paid. */",
  "",
  "export function total(lines: Line[], currency: Currency): Money {",
  "  const sum = lines.reduce((s, l) => s + l.qty * l.price, 0);",
  "  return money(Math.round(sum * 100) / 100, currency);",
  "}",
  "",
  "export function refund(total: Money, part: Line[]): Money {",
  "  return minus(total, sumOf(part));",
  "}",
  "",
];
const ROUNDED = [
  "  let minor = 0n;",
  "  for (const line of lines) {",
  "    minor += roundMoney(line.qty * line.price, currency, MODE);",
  "  }",
  "  return fromMinor(minor, currency);",
];
