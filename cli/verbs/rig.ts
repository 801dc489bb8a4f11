/** Verbs about rigs: repositories and what is set for them. */
import { randomUUID } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import path from "node:path";
import { once } from "node:events";
import { inspectRepository } from "../../scripts/stack/repository.ts";
import type { RigInfo } from "../../scripts/stack/api-client.ts";
import { Settings } from "../../src/events/settings.ts";
import { isSealLine } from "../../src/core/journal-file.ts";
import { Place } from "../../src/events/place.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { rigPath } from "../find.ts";
import { columns, oneLine } from "../text.ts";
import { verb } from "../verb.ts";

export const rigAdd = verb({
  name: "rig add",
  about: "make a rig for a repository, or find the one it has",
  more: "A private one's token is read from TICKTOWN_REPO_TOKEN in the environment, since others can read a command line.",
  effect: "changes",
  examples: ["rig add ../my-project", "rig add https://github.com/me/project.git --target develop"],
  args: { repository: { about: "a path, or a URL" } },
  options: {
    target: { type: "text", about: "merge into this branch instead of its default branch", value: "BRANCH" },
    updateInstead: {
      type: "flag",
      about: "let merges update the files of a local repository whose target is checked out",
    },
  },
  run: async ({ repository: named, target, updateInstead }, context) => {
    const token = context.env["TICKTOWN_REPO_TOKEN"];
    const repository = await inspectRepository(named, context.cwd, { target, updateInstead, token });
    for (const line of [repository.caution, repository.warning]) if (line !== null) context.say(line);
    const { rig, isNew } = await context.api.rigFor(repository);
    return {
      data: { ...rig, is_new: isNew },
      text: `${rig.name} ${isNew ? "is new" : "was here already"}: ${rig.git_url}, work is merged into ${rig.default_branch}`,
    };
  },
});

export const rigLs = verb({
  name: "rig ls",
  about: "the rigs, their repositories and the branch that work is merged into",
  effect: "reads",
  args: {},
  options: {},
  run: async (_, { find }) => {
    const rigs = await find.rigs();
    const rows = rigs.map(({ name, default_branch, git_url, id }) => [name, default_branch, git_url, id]);
    return { data: rigs, text: columns(rows, "none; `ticktown rig add PATH_OR_URL` makes one") };
  },
});

export const rigEdit = verb({
  name: "rig edit",
  about: "change a rig's name, repository or target branch; whoever waited for the old one goes on",
  effect: "changes",
  examples: ["rig edit --target main"],
  args: {},
  options: {
    name: { type: "text", about: "what it is called", value: "NAME" },
    repository: { type: "text", about: "where its repository is now", value: "PATH_OR_URL" },
    target: { type: "text", about: "the branch that work is merged into", value: "BRANCH" },
  },
  run: async ({ name, repository, target }, { api, find, userPath, cwd, env, say }) => {
    if (name === undefined && repository === undefined && target === undefined)
      throw new Failure("misuse", "say what is to be changed: --name, --repository, --target");
    const token = env["TICKTOWN_REPO_TOKEN"];
    const place = repository === undefined ? null : await inspectRepository(repository, cwd, { target, token });
    if (place !== null && place.warning !== null) say(place.warning);
    const rig = await find.rig();
    if (place !== null && Object.keys(place.secrets).length > 0)
      await api.call("PUT", rigPath(rig, "/secrets"), place.secrets);
    const changes = { name, default_branch: target, git_url: place?.gitUrl };
    const done = await api.call<RigInfo>("PATCH", userPath(`/rigs/${encodeURIComponent(rig.id)}`), changes);
    return { data: done, text: `${done.name}: ${done.git_url}, work is merged into ${done.default_branch}` };
  },
});

/** `capacity=4`, `check=null`, `checks=[{"name":...}]`: JSON where it is JSON, text otherwise. */
export function settingOf(typed: string): [string, unknown] {
  const at = typed.indexOf("=");
  const name = typed.slice(0, at);
  if (at < 1) throw new Failure("misuse", `"${typed}" is no setting: write NAME=VALUE`);
  const known = [...new Set([...Object.keys(Settings.shape), ...Object.keys(Place.shape)])];
  if (!known.includes(name))
    throw new Failure("misuse", `there is no setting "${name}"; there are ${known.toSorted().join(", ")}`);
  const value = typed.slice(at + 1);
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}

export const rigSettings = verb({
  name: "rig settings",
  about: "show a rig's settings, or change some (docs/operating.md tells what each one does)",
  effect: "changes",
  examples: ["rig settings", "rig settings capacity=4", `rig settings 'checks=[{"name":"test","command":"npm test"}]'`],
  args: { settings: { about: "NAME=VALUE; a value may be JSON", many: true, optional: true } },
  options: {},
  run: async ({ settings }, { api, find }) => {
    const patch = Object.fromEntries(settings.map(settingOf));
    const rig = await find.rig();
    const to = rigPath(rig, "/settings");
    const now = settings.length === 0 ? await api.call<object>("GET", to) : await api.call<object>("PUT", to, patch);
    const shown = Object.entries(now).filter(([name]) => settings.length === 0 || name in patch);
    return {
      data: now,
      text: columns(
        shown.map(([name, value]) => [name, JSON.stringify(value)]),
        "",
      ),
    };
  },
});

export const rigSecrets = verb({
  name: "rig secrets",
  about: "set what the rig's processes get in their environment, or take it away; only the names are ever shown",
  more: "The value is read from stdin, or asked for on a terminal: a command line is read by everybody on the machine.",
  effect: "changes",
  atTerminal: "a model is told no secrets",
  examples: ["rig secrets ANTHROPIC_API_KEY < key.txt", "rig secrets GIT_TOKEN --remove"],
  args: { name: { about: "of the variable" } },
  options: { remove: { type: "flag", about: "take it away" } },
  run: async ({ name, remove }, context) => {
    const rig = await context.find.rig();
    const value = remove ? null : await secretValue(name, context);
    const { names } = await context.api.call<{ names: string[] }>("PUT", rigPath(rig, "/secrets"), { [name]: value });
    return { data: { names }, text: `${rig.name} has ${names.join(", ") || "none"}` };
  },
});

async function secretValue(name: string, context: Context): Promise<string> {
  const piped = await context.stdin();
  const value = piped !== "" || context.ask === null ? piped : await context.ask(`${name}: `, { isSecret: true });
  if (value.trim() === "") throw new Failure("misuse", `${name} is empty: give its value on stdin`);
  return value.replace(/\r?\n$/, "");
}

export const rigExport = verb({
  name: "rig export",
  about: "the journal and the stored actors as one file, which `ticktown replay`, `verify` and `rig import` read",
  effect: "reads",
  atTerminal: "it is a file, which may be long",
  args: {},
  options: { output: { type: "text", about: "write it there instead of to stdout", value: "FILE", short: "o" } },
  run: async ({ output }, context) => {
    const rig = await context.find.rig();
    const file = output === undefined ? null : path.resolve(context.cwd, output);
    const lines = await exportTo(rig, file, context);
    return { data: { file, lines }, text: file === null ? "" : `${lines} lines in ${file}` };
  },
});

export const rigImport = verb({
  name: "rig import",
  about: "bring a rig back from the file of `rig export`: the same ids and the same journal, held until it is resumed",
  more: "Nothing of before is believed: no dispatch, token or merge. Secrets are in no file; the answer names those to set. A rig that exists is left as it is. Archived segments go in front, in the order of their names, where the archive itself is lost.",
  effect: "changes",
  atTerminal: "what a file says is run: checks, setups and agents",
  examples: ["rig import rig.journal.ndjson", "rig import segments/*.ndjson rig.journal.ndjson"],
  args: { files: { about: "of `rig export`, after archived segments if there are any", many: true } },
  options: {},
  run: async ({ files }, { api, cwd, userPath }) => {
    const parts = await Promise.all(
      // It throws at once, too.
      files
        .map(async (file) => await openAsBlob(path.resolve(cwd, file)))
        .map((blob, n) => blob.catch(() => notThere(files[n] ?? ""))),
    );
    const whole = new Blob(parts);
    const rig = await api.send<RigInfo & { facts: number; missing_secrets: string[] }>(
      userPath("/rigs/import"),
      whole,
      randomUUID(),
    );
    const secrets = rig.missing_secrets.map((name) => `\n  ticktown rig secrets ${name} --rig ${rig.id}`).join("");
    return {
      data: rig,
      text: `${rig.name} is back with ${rig.facts} facts, and held: nothing is started or merged before you resume it.${secrets === "" ? "" : ` Set its secrets first:${secrets}`}\n  ticktown resume --rig ${rig.id}`,
    };
  },
});

function notThere(file: string): never {
  throw new Failure("misuse", `${oneLine(file)} is no file that can be read`);
}

/** @param file null: stdout @returns how many lines */
export async function exportTo(rig: RigInfo, file: string | null, { api, out }: Context): Promise<number> {
  const stream = file === null ? null : createWriteStream(file, { mode: 0o600 });
  // It is told where it is waited for: that it is open, that it goes on, that it is whole.
  if (stream !== null) await once(stream, "open");
  let lines = 0;
  let isWhole = false;
  for await (const line of api.lines(rigPath(rig, "/export"))) {
    lines++;
    isWhole = isSealLine(line);
    if (stream === null) out(line);
    else if (!stream.write(`${line}\n`)) await once(stream, "drain");
  }
  if (stream !== null) {
    stream.end();
    await once(stream, "finish");
  }
  if (!isWhole) throw new Failure("refused", "the export broke off before its end: what there is of it is no backup");
  return lines;
}

export const rigRemove = verb({
  name: "rig rm",
  about: "delete a rig: its processes, its beads and its journal; the repository stays as it is",
  effect: "destroys",
  args: { rig: { about: "its name or id" } },
  options: {},
  run: async ({ rig: named }, { api, find, userPath }) => {
    const rigs = await find.rigs();
    // Its whole name: nothing is deleted by a part of one.
    const rig = rigs.find(({ id, name }) => id === named || name === named);
    if (rig === undefined)
      throw new Failure(
        "unknown",
        `there is no rig "${oneLine(named)}"; there are ${rigs.map(({ name }) => name).join(", ")}`,
      );
    const done = await api.call("DELETE", userPath(`/rigs/${encodeURIComponent(rig.id)}`));
    return { data: done, text: `${rig.name} is deleted` };
  },
});

const life = (name: "pause" | "resume", about: string, done: string) =>
  verb({
    name,
    about,
    effect: "changes",
    args: {},
    options: { all: { type: "flag", about: "every rig", short: "a" } },
    run: async ({ all }, { api, find }) => {
      const rigs = all ? await find.rigs() : [await find.rig()];
      const answers: unknown[] = [];
      for (const rig of rigs) answers.push(await api.call("POST", rigPath(rig, `/${name}`)));
      return { data: answers, text: `${rigs.map(({ name }) => name).join(", ")} ${done}` };
    },
  });

const drain = verb({
  name: "drain",
  about: "dispatch nothing, and hand running work back",
  effect: "changes",
  args: {},
  options: {
    all: { type: "flag", about: "every rig", short: "a" },
    now: { type: "flag", about: "end everything of it within seconds, and wait for nobody" },
  },
  run: async ({ all, now }, { api, find }) => {
    const rigs = all ? await find.rigs() : [await find.rig()];
    const answers: unknown[] = [];
    for (const rig of rigs) answers.push(await api.call("POST", rigPath(rig, now ? "/stop" : "/drain")));
    const names = rigs.map(({ name }) => name).join(", ");
    return { data: answers, text: `${names} ${now ? "is stopped" : "hands its work back"}` };
  },
});

export const RIG = [
  rigAdd,
  rigLs,
  rigEdit,
  rigSettings,
  rigSecrets,
  rigExport,
  rigImport,
  rigRemove,
  life("pause", "dispatch nothing new; what runs goes on", "dispatches nothing new"),
  life("resume", "dispatch again", "dispatches again"),
  drain,
];
