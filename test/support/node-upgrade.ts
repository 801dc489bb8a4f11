/**
 * Makes a recorded state folder usable here and now. What a recording cannot know is put in before anything opens it: the paths and
 * the port, and the time. Every time in it is moved by the same span, so that it was killed a moment ago; agents' tokens, which
 * live a day, are signed again with the folder's own secret. All else is as that version left it.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { startTimeOf } from "../../container/processes/groups.ts";

/** A process of an agent, as that version started it. */
export interface OldAgent {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly command: readonly [string, ...string[]];
}

interface Recorded {
  readonly root: string;
  readonly port: number;
  readonly killedAt_ms: number;
  /** The first has the agents; the second is paused. */
  readonly rigs: readonly [string, string];
  /** Of a second operator. */
  readonly secondToken: string;
  readonly agents: readonly OldAgent[];
}

export interface Unpacked extends Recorded {
  /** What `--state` takes. */
  readonly state: string;
  /** The bare repository of the first rig. */
  readonly origin: string;
  /** What `--agent` takes. */
  readonly agentCommand: string;
  readonly secrets: Readonly<Record<"GASTOWN_JWT_SECRET" | "TICKTOWN_OPERATOR_TOKEN" | "CONTROL_TOKEN", string>>;
  /** Lets the agents that wait go on, and merges. */
  readonly release: () => void;
}

/** A drill has its own. */
const recordings = process.env["TICKTOWN_RECORDINGS"] ?? path.join(import.meta.dirname, "..", "fixtures", "upgrade");

/** The exported journal of one of a version's two rigs, NDJSON, as it was recorded. */
export const oldJournal = (name: string, rig: "first" | "second"): string =>
  readFileSync(path.join(recordings, name, `${rig}.journal.ndjson`), "utf8");

/** @param dir an empty folder, or one to be made; the recording becomes its content */
export function unpack(name: string, dir: string, options: { readonly port: number; readonly now?: number }): Unpacked {
  mkdirSync(dir, { recursive: true });
  execFileSync("tar", ["-xzf", path.join(recordings, name, "state.tar.gz"), "-C", dir, "--no-same-owner"]);
  const raw = JSON.parse(readFileSync(path.join(dir, "recorded.json"), "utf8")) as Recorded;
  const state = path.join(dir, "state");
  const secrets = JSON.parse(readFileSync(path.join(state, "secrets.json"), "utf8")) as Unpacked["secrets"];
  const span_ms = (options.now ?? Date.now()) - raw.killedAt_ms;
  const rewrite = rewriter(raw, { dir, port: options.port, span_ms, secret: secrets.GASTOWN_JWT_SECRET });
  for (const file of filesIn(dir)) {
    if (file.endsWith(".sqlite")) rewriteDatabase(file, rewrite, span_ms, raw.killedAt_ms);
    else if (!/\/objects\/|\.sqlite-/.test(file)) rewriteText(file, rewrite);
  }
  const recorded = JSON.parse(readFileSync(path.join(dir, "recorded.json"), "utf8")) as Recorded;
  return {
    ...recorded,
    state,
    origin: path.join(dir, "origin.git"),
    agentCommand: `sh ${path.join(dir, "agent.sh")}`,
    secrets,
    release: () => {
      execFileSync("rm", ["-f", path.join(dir, "hold")]);
      writeFileSync(path.join(dir, "go"), "");
    },
  };
}

const filesIn = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));

type Rewrite = (text: string) => string;

function rewriter(
  { root, port, killedAt_ms }: Recorded,
  to: { dir: string; port: number; span_ms: number; secret: string },
): Rewrite {
  const span_s = Math.round(to.span_ms / 1_000);
  const renewed = new Map<string, string>();
  const renew = (token: string): string => {
    const known = renewed.get(token);
    if (known !== undefined) return known;
    const [head = "", body = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as { iat: number; exp: number };
    const later = { ...claims, iat: claims.iat + span_s, exp: claims.exp + span_s };
    const signed = `${head}.${Buffer.from(JSON.stringify(later)).toString("base64url")}`;
    const made = `${signed}.${createHmac("sha256", to.secret).update(signed).digest("base64url")}`;
    renewed.set(token, made);
    return made;
  };
  return (text) =>
    text
      .replaceAll(root, to.dir)
      .replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${to.port}`)
      .replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, renew)
      .replaceAll(/(?<![\w-])\d{13}(?![\w-])/g, (digits) =>
        isOfThen(Number(digits), killedAt_ms) ? String(Number(digits) + to.span_ms) : digits,
      );
}

/** Whether a number is a time of the recording, ms: a day before its end or after. */
const isOfThen = (ms: number, killedAt_ms: number): boolean => Math.abs(ms - killedAt_ms) < 86_400_000;

function rewriteText(file: string, rewrite: Rewrite): void {
  const old = readFileSync(file);
  if (old.includes(0)) return; // Git's own, which holds neither.
  const text = old.toString("utf8");
  const made = rewrite(text);
  if (made !== text) writeFileSync(file, made);
}

/** Every text and time of every table. A journal refuses changes by triggers, which are put back as they were. */
function rewriteDatabase(file: string, rewrite: Rewrite, span_ms: number, killedAt_ms: number): void {
  const db = new DatabaseSync(file);
  const cell = (value: unknown): string | bigint | Uint8Array | null => {
    if (typeof value === "string") return rewrite(value);
    if (typeof value !== "bigint") return value as Uint8Array | null;
    if (isOfThen(Number(value), killedAt_ms)) return value + BigInt(span_ms);
    // Alarms are kept in nanoseconds.
    return isOfThen(Number(value / 1_000_000n), killedAt_ms) ? value + BigInt(span_ms) * 1_000_000n : value;
  };
  db.function("rewritten", { useBigIntArguments: true, deterministic: true }, cell as never);
  const all = (sql: string): Record<string, string>[] => db.prepare(sql).all() as Record<string, string>[];
  db.exec("BEGIN");
  const triggers = all("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'");
  for (const { name } of triggers) db.exec(`DROP TRIGGER "${name}"`);
  for (const { name } of all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")) {
    const columns = all(`PRAGMA table_info("${name}")`).map(
      (column) => `"${column["name"]}" = rewritten("${column["name"]}")`,
    );
    db.exec(`UPDATE "${name}" SET ${columns.join(", ")}`);
  }
  for (const { sql } of triggers) db.exec(sql ?? "");
  db.exec("COMMIT");
  db.close();
}

/**
 * Starts agents as that version's control server did, and writes them into its pid files, as if they had lived on.
 * They lead process groups of their own; who starts them ends them.
 */
export function startOldAgents({ state, agents }: Unpacked): ChildProcess[] {
  return agents.map(({ env, cwd, command: [program, ...args] }) => {
    const host = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
    const child = spawn(program, args, { cwd, env: { ...host, ...env }, detached: true, stdio: "ignore" });
    const file = path.join(state, "container", "pids", `${env["GASTOWN_AGENT_ID"]}.json`);
    const record = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...record, pid: child.pid, startTime: startTimeOf(child.pid ?? 0) }));
    return child;
  });
}
