/**
 * Where the disk does not last: what an agent left when its process ended is kept at the remote, if the rig wants that, as one sealed
 * blob that nobody without the rig's key can read, under a ref that is no branch. Without the key it stays, and is lost with the disk.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, copyFileSync } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { SetAside } from "../../src/wire/container.ts";
import { messageOf } from "../log.ts";
import { Refusal } from "../refusal.ts";
import { readClone } from "./foreign.ts";
import { type Git, GitFailure, lastWords, mustGit, revision } from "./git.ts";
import { REFS, type RigFolders, agentFoldersOf, refPart, scratchName } from "./layout.ts";
import { type Left, lookAtLeft, wordsOf } from "./leftovers.ts";
import { writeBareSkeleton } from "./reader.ts";
import { readState } from "./state.ts";
import { numbered } from "./store.ts";

export interface AwayPlace {
  readonly git: Git;
  readonly folders: RigFolders;
  readonly rigId: string;
  /** 32 bytes as hex; null: nothing leaves this container. */
  readonly sealKey: string | null;
}

/** At the remote. */
const leftRef = (key: string): string => `refs/ticktown/left/${refPart(key)}`;
/** In the store: the remote has one. */
const knownRef = (key: string): string => `refs/ticktown/sealed/${refPart(key)}`;
/** In a bundle. */
const bundledRef = (what: "work" | "left"): string => `refs/ticktown/away/${what}`;

/**
 * Keeps what the agent left, now that its process has ended. Never throws: what could not be kept is said to be lost.
 * @returns null when there is nothing that the remote has not
 */
export async function sendAway(place: AwayPlace, agentId: string): Promise<SetAside | null> {
  const { git, folders, sealKey } = place;
  const mine = agentFoldersOf(folders, agentId);
  const state = readState(mine.state);
  if (state?.phase !== "ready") return null;
  const { key, branch, base } = state;
  const about = { beadId: key, agentId, ref: null, commit: null, files: 0, givenBack: false };
  const lost = (what: string, why: string): SetAside => ({
    ...about,
    sentence: `${what}; the disk of this container does not last, and ${why}: it is lost when the container is replaced`,
  });
  try {
    const foreign = readClone(mine.clone);
    if (foreign === null) return lost(`the clone of ${agentId} is not a plain clone any more`, "so it cannot be kept");
    const exclude = path.join(mine.clone, ".git", "info", "exclude");
    const source = { agentId, work: mine.clone, foreign, index: mine.index, exclude, branch, base, key };
    const { left } = await lookAtLeft(git, folders, source);
    const work = await unpushed(place, branch, state.handedIn?.commit ?? null);
    if (left === null && work === null) {
      await callBack(place, key);
      return null;
    }
    const what = `${agentId} left ${[...(work === null ? [] : ["commits"]), ...(left === null ? [] : [wordsOf(source, left)])].join(" and ")}`;
    const files = left?.files ?? 0;
    if (sealKey === null) return { ...lost(what, "leftovers_remote is off"), files };
    const failure = await sealAndPush(place, sealKey, key, left, work);
    return failure === null
      ? { ...about, ref: leftRef(key), files, sentence: `${what}; kept sealed at the remote as ${leftRef(key)}` }
      : { ...lost(what, `it could not be kept at the remote (${failure})`), files };
  } catch (error) {
    return lost(`what ${agentId} left could not be looked at (${messageOf(error)})`, "so it cannot be kept");
  }
}

/** The tip of the branch, unless the remote has it. */
async function unpushed({ git, folders }: AwayPlace, branch: string, handedIn: string | null): Promise<string | null> {
  const tip = await revision(git, folders.store, REFS.work(branch));
  if (tip === null || tip === handedIn) return null;
  const args = ["rev-list", "--max-count=1", tip, "--not", "--glob=refs/heads/*"];
  return (await mustGit(git, folders.store, args)) === "" ? null : tip;
}

/** The remote's is of an earlier end, and what it holds lies in the clone, or was handed in. */
async function callBack({ git, folders }: AwayPlace, key: string): Promise<void> {
  const known = knownRef(key);
  if ((await git(folders.store, ["rev-parse", "--verify", "--quiet", known])).code !== 0) return;
  const timeout_ms = git.place.push_timeout_ms;
  const pushed = await git(folders.store, ["push", "--quiet", "--no-verify", "origin", `:${leftRef(key)}`], {
    timeout_ms,
  });
  if (pushed.code === 0) await mustGit(git, folders.store, ["update-ref", "-d", known]);
}

/** @returns why not, or null */
async function sealAndPush(
  { git, folders, rigId }: AwayPlace,
  sealKey: string,
  key: string,
  left: Left | null,
  work: string | null,
): Promise<string | null> {
  const { store } = folders;
  const parcel = scratchName(folders, "parcel");
  const [bundle, sealed] = [`${parcel}.bundle`, `${parcel}.sealed`];
  try {
    // A repository of its own, so that the sealed blob is no object of the store, which nobody would ever remove.
    writeBareSkeleton(parcel, [path.join(store, "objects")]);
    const refs = [
      ...(work === null ? [] : [[bundledRef("work"), work]]),
      ...(left === null ? [] : [[bundledRef("left"), left.commit]]),
    ];
    const heads = (await mustGit(git, store, ["for-each-ref", "--format=^%(objectname)", "refs/heads"])).split("\n");
    const input = refs.map(([name, commit]) => `update ${name} ${commit}\n`).join("");
    await mustGit(git, parcel, ["update-ref", "--stdin"], { input });
    const wanted = [...refs.map(([name]) => name), ...heads].map((line) => `${line}\n`).join("");
    await mustGit(git, parcel, ["bundle", "create", "--quiet", bundle, "--stdin"], { input: wanted });
    await seal(bundle, sealed, sealKey, `${rigId} ${key}`);
    const blob = await mustGit(git, parcel, ["hash-object", "-w", "--no-filters", sealed]);
    copyFileSync(path.join(store, "config"), path.join(parcel, "config"));
    // Before it is there: it may be there although nobody heard of it.
    await mustGit(git, store, ["update-ref", knownRef(key), (left?.commit ?? work) as string]);
    const args = ["push", "--quiet", "--no-verify", "origin", `+${blob}:${leftRef(key)}`];
    const pushed = await git(parcel, args, { timeout_ms: git.place.push_timeout_ms });
    return pushed.code === 0 ? null : lastWords(pushed);
  } finally {
    await Promise.all([parcel, bundle, sealed].map((file) => rm(file, { recursive: true, force: true })));
  }
}

/**
 * Brings back what another container left of this bead, into the store: its commits as the branch's, and what was uncommitted as a
 * leftover. Nothing happens where the store knows of the bead already. @returns a warning: it is there, but cannot be opened
 * @throws Refusal 422 remote_unreachable, so that nobody begins without it
 */
export async function bringBack(place: AwayPlace, key: string, branch: string): Promise<string | null> {
  const { git, folders, rigId, sealKey } = place;
  const { store } = folders;
  if (sealKey === null || (await isKnown(place, key, branch))) return null;
  const parcel = scratchName(folders, "parcel");
  const [bundle, sealed] = [`${parcel}.bundle`, `${parcel}.sealed`];
  try {
    writeBareSkeleton(parcel, []);
    copyFileSync(path.join(store, "config"), path.join(parcel, "config"));
    const args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", `+${leftRef(key)}:refs/sealed`];
    const fetched = await git(parcel, args, { timeout_ms: git.place.fetch_timeout_ms });
    if (fetched.code !== 0) {
      if (/couldn't find remote ref/.test(fetched.stderr)) return null;
      throw new Refusal(422, "remote_unreachable", `cannot fetch what was left before: ${lastWords(fetched)}`);
    }
    await mustGit(git, parcel, ["cat-file", "blob", "refs/sealed"], { output: sealed });
    await unseal(sealed, bundle, sealKey, `${rigId} ${key}`);
    await openBundle(git, store, bundle, key, branch);
    return null;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return `what was left of this work before is at the remote as ${leftRef(key)}, but cannot be opened: ${messageOf(error)}`;
  } finally {
    await Promise.all([parcel, bundle, sealed].map((file) => rm(file, { recursive: true, force: true })));
  }
}

async function isKnown({ git, folders: { store } }: AwayPlace, key: string, branch: string): Promise<boolean> {
  if ((await revision(git, store, REFS.work(branch))) !== null) return true;
  for (const prefix of [REFS.leftovers(key), REFS.givenBack(key)])
    if ((await numbered(git, store, prefix)).length > 0) return true;
  return false;
}

/** Either all of it is in the store afterwards, or nothing. */
async function openBundle(git: Git, store: string, bundle: string, key: string, branch: string): Promise<void> {
  const listed = await mustGit(git, store, ["bundle", "list-heads", bundle]);
  const specs = listed.split("\n").flatMap((line) => {
    const [, name = ""] = line.split(" ");
    const known = `+${name}:${knownRef(key)}`;
    if (name === bundledRef("work"))
      return [`+${name}:${REFS.work(branch)}`, ...(listed.includes(bundledRef("left")) ? [] : [known])];
    return name === bundledRef("left") ? [`+${name}:${REFS.leftovers(key)}/1`, known] : [];
  });
  const fetch = ["fetch", "--quiet", "--atomic", "--no-tags", "--no-write-fetch-head", bundle, ...specs];
  const result = await git(store, ["-c", "core.fsync=all", ...fetch]);
  if (result.code !== 0) throw new GitFailure("git fetch failed", result);
}

const MAGIC = Buffer.from("ticktown leftovers 1\n");
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

/** @param about what the file is for: it cannot be opened as anything else */
async function seal(from: string, to: string, sealKey: string, about: string): Promise<void> {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, Buffer.from(sealKey, "hex"), iv).setAAD(Buffer.from(about));
  const framed = new Transform({
    construct(done) {
      this.push(Buffer.concat([MAGIC, iv]));
      done();
    },
    transform: (chunk: Buffer, _, done) => done(null, chunk),
    flush(done) {
      done(null, cipher.getAuthTag());
    },
  });
  await pipeline(createReadStream(from), cipher, framed, createWriteStream(to, { mode: 0o600 }));
}

/** @throws Error when the file was sealed with another key or for something else, or was changed */
async function unseal(from: string, to: string, sealKey: string, about: string): Promise<void> {
  const begin = MAGIC.length + IV_BYTES;
  const end = (await stat(from)).size - TAG_BYTES;
  const head = await bytesOf(from, 0, begin);
  if (end < begin || !head.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("it is not one of Ticktown's");
  const decipher = createDecipheriv(CIPHER, Buffer.from(sealKey, "hex"), head.subarray(MAGIC.length))
    .setAAD(Buffer.from(about))
    .setAuthTag(await bytesOf(from, end, TAG_BYTES));
  const content = createReadStream(from, { start: begin, end: end - 1 });
  await pipeline(content, decipher, createWriteStream(to, { mode: 0o600 })).catch((error: unknown) => {
    throw new Error(`it was sealed with another key, or changed since (${messageOf(error)})`);
  });
}

async function bytesOf(file: string, start: number, length: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, start);
    return buffer;
  } finally {
    await handle.close();
  }
}
