/** What is checked: as the rig's settings say, or as the target says itself. Never as a branch says. */
import type * as z from "zod";
import { type Check, ChecksFile } from "../../src/wire/train.ts";
import type { Setup } from "../../src/wire/container.ts";
import { CHECKS_FILE_MAX_BYTES } from "../limits.ts";
import { type TrainContext, ofPlace } from "../train/context.ts";

export interface Rules {
  readonly checks: readonly Check[];
  readonly setup: Setup | null;
}

export const CHECKS_FILE = ".ticktown/checks.json";

/** @throws Stopped checks_file_bad: what cannot be read is no leave to check nothing */
export async function rulesOf({ git, folders, request }: TrainContext, target: string): Promise<Rules> {
  const setup = request.place?.setup ?? null;
  const { checks } = request.gate;
  if (checks !== null) return { checks, setup };
  const name = `${target}:${CHECKS_FILE}`;
  const bad = (why: string): Error =>
    ofPlace("checks_file_bad", `${CHECKS_FILE} on ${request.targetBranch} ${why}; nothing is merged until it is right`);
  const found = await git(folders.store, ["cat-file", "-s", name]);
  if (found.code !== 0) {
    // A folder of that name is one too many; what is not there says nothing.
    const listed = await git(folders.store, ["ls-tree", "-z", target, "--", CHECKS_FILE]);
    if (listed.code === 0 && listed.stdout === "") return { checks: [], setup };
    throw bad("cannot be read");
  }
  if (Number(found.stdout) > CHECKS_FILE_MAX_BYTES) throw bad(`is larger than ${CHECKS_FILE_MAX_BYTES} bytes`);
  const read = await git(folders.store, ["cat-file", "blob", name]);
  if (read.code !== 0) throw bad("is no file");
  const value = json(read.stdout);
  if (value === undefined) throw bad("is not JSON");
  const parsed = ChecksFile.safeParse(value);
  if (!parsed.success) throw bad(`is not valid: ${inWords(parsed.error)}`);
  return { checks: parsed.data.checks, setup: setup ?? parsed.data.setup ?? null };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function inWords({ issues }: z.ZodError): string {
  return issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`)
    .join("; ");
}
