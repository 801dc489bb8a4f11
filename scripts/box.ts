/**
 * The box that checks run in: `node scripts/box.ts` finds bubblewrap, or installs Debian's, and tries it. Where none works it says so in a
 * line, and vitest.config.ts leaves the tests of the box out; with TESTS_BOX=required, as in `.ci/run`, it fails.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { openBox } from "../container/box/box.ts";
import { messageOf } from "../src/events/message-of.ts";
import { ensureProgram, programFolders } from "./debian.ts";

/** @returns why no box works here; empty: one does */
export async function whyNoBox(pathVariable: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "ticktown-box-"));
  try {
    const secret = path.join(folder, "secret");
    writeFileSync(secret, "");
    return (await openBox({ path: pathVariable, hidden: [homedir()], secret })).why;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws Error that says what to install */
export async function requireBox(): Promise<void> {
  const why = await whyNoBox(process.env["PATH"] ?? "");
  if (why !== "")
    throw new Error(
      `the tests of the box need one that works, and ${why}. Install bubblewrap (on Debian: apt-get install bubblewrap) on a kernel that lets users make namespaces`,
    );
}

const find = (): string | null =>
  programFolders()
    .map((folder) => path.join(folder, "bwrap"))
    .find((file) => existsSync(file)) ?? null;

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  // What is missing is said below, with all else that can be wrong with it.
  ensureProgram(find, () => {}, "bubblewrap", "the tests of the box");
  try {
    await requireBox();
  } catch (error) {
    const isRequired = process.env["TESTS_BOX"] === "required";
    const told = isRequired ? "" : "tests of the box: not applicable here: ";
    process.stderr.write(`ticktown: ${told}${messageOf(error)}\n`);
    if (isRequired) process.exit(1);
  }
}
