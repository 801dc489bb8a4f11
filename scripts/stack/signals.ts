/** Ctrl-C and its like. */
import { readFileSync } from "node:fs";

/** A terminal's Ctrl-C arrives twice, from the terminal and from npm; what comes later than this is meant. */
const SAME_MS = 1_000;
const LAUNCHER_POLL_MS = 500;

/** Resolves at the first request to end. A second one, later, ends the process at once. */
export function askedToStop(): Promise<string> {
  let first: number | null = null;
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        first ??= Date.now();
        if (Date.now() - first > SAME_MS) process.exit(130);
        resolve(signal);
      });
    }
    whenLauncherIsGone(() => resolve("npm is gone"));
  });
}

/** A signal that ends npm, or the shell that it runs us in, does not always reach us; then we would run on unseen. */
function whenLauncherIsGone(act: () => void): void {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const launchers = ancestors();
  const timer = setInterval(() => {
    const now = ancestors();
    if (launchers.every((pid, n) => pid === now[n])) return;
    clearInterval(timer);
    act();
  }, LAUNCHER_POLL_MS);
  timer.unref();
}

/** Our parent, and its parent where the system tells. */
function ancestors(): number[] {
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, "utf8");
    return [process.ppid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])];
  } catch {
    return [process.ppid];
  }
}
