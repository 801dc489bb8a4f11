/**
 * The entry of the image: `node container/launcher/main.ts`. As root it is the launcher and starts the control server as CONTROL_UID; as
 * anybody else it is the control server, whose agents are the same user then.
 */
import { spawn } from "node:child_process";
import { chownSync, mkdirSync, realpathSync } from "node:fs";
import path from "node:path";
import { logToStderr as log, messageOf } from "../log.ts";
import { RUNNING_AGENTS_MAX } from "../limits.ts";
import { startLauncher } from "./launcher.ts";
import { closeInherited } from "../processes/inherited.ts";

closeInherited();

const SOCKET = process.env["LAUNCHER_SOCKET"] || "/run/ticktown-launcher/launcher.sock";
/** Beyond those that a system gives to anybody. */
const FIRST_UID = Number(process.env["AGENT_FIRST_UID"] || 61_000);
/** Setups and checks have users too. */
const USERS = 2 * RUNNING_AGENTS_MAX;
const uid = Number(process.env["CONTROL_UID"] || 1000);
const gid = Number(process.env["CONTROL_GID"] || uid);

if (process.getuid?.() === 0) await asRoot();
else {
  log("the launcher is not root: agents run as the control server's own user");
  await import("../main.ts");
}

async function asRoot(): Promise<void> {
  const asked = path.resolve(process.env["WORK_DIR"] || "/var/lib/ticktown");
  mkdirSync(asked, { recursive: true });
  const workDir = realpathSync(asked);
  chownSync(workDir, uid, gid);
  const uids = Array.from({ length: USERS }, (_, n) => FIRST_UID + n);
  const launcher = await startLauncher({ socket: SOCKET, control: { uid, gid }, uids, workDir });
  const main = path.join(import.meta.dirname, "..", `main${path.extname(import.meta.filename)}`);
  const env = { ...process.env, WORK_DIR: workDir, LAUNCHER_SOCKET: SOCKET };
  const control = spawn(process.execPath, [main], { env, uid, gid, stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => control.kill(signal));
  const end = (code: number): void => void launcher.close().finally(() => process.exit(code));
  control.once("error", (error) => {
    log(`the control server could not be started: ${messageOf(error)}`);
    end(1);
  });
  control.once("exit", (code) => end(code ?? 1));
}
