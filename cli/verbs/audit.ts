/** Verbs that hold what happened against what is there. */
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { command } from "../../scripts/verify/command.ts";
import { messageOf } from "../../scripts/stack/errors.ts";
import { sealChecked } from "../../scripts/verify/sealed.ts";
import { replayFile } from "../../src/core/journal-file.ts";
import { Failure } from "../exits.ts";
import { rigPath } from "../find.ts";
import { type Answer, verb } from "../verb.ts";
import { exportTo } from "./rig.ts";

export const verify = verb({
  name: "verify",
  about: "is every commit on the target covered by the receipt of a green check? Asked from git",
  more: `Without a journal, that of the rig is fetched; without a repository, the rig's own is looked at. With both, nothing needs to run.
Exit 0: yes. 1: no, or the journal is not whole; with --strict also where somebody else committed. 2: it cannot be told (docs/verify.md).`,
  effect: "reads",
  examples: ["verify", "verify ../my-project my-project.journal.ndjson --strict"],
  args: {
    repository: { about: "a path", optional: true },
    journal: { about: "a file of `rig export`", optional: true },
  },
  options: {
    strict: { type: "flag", about: "what others have committed is a fault as well" },
    branch: { type: "text", about: "look at this one instead of the target", value: "BRANCH" },
  },
  run: async ({ repository, journal, strict, branch }, context) => {
    const dir = mkdtempSync(path.join(tmpdir(), "ticktown-verify-"));
    try {
      const rig = repository === undefined || journal === undefined ? await context.find.rig() : null;
      const repo = repository === undefined ? (rig?.git_url ?? "") : path.resolve(context.cwd, repository);
      const file = journal === undefined ? path.join(dir, "journal.ndjson") : path.resolve(context.cwd, journal);
      if (journal === undefined && rig !== null) await exportTo(rig, file, context);
      const args = [repo, file, ...(strict ? ["--strict"] : []), ...(branch === undefined ? [] : ["--branch", branch])];
      const lines: string[] = [];
      const exit = await command(
        [...args, ...(context.globals.json === true ? ["--json"] : [])],
        (line) => lines.push(line),
        context.say,
      );
      const text = lines.join("\n");
      return {
        data: context.globals.json === true && text !== "" ? JSON.parse(text) : { covered: exit === 0, lines },
        text,
        exit,
      };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
});

interface Folded {
  readonly facts: number;
  readonly effects: number;
  readonly divergence: { readonly seq: number; readonly expected: string; readonly actual: string } | null;
}

const said = (what: string, folded: Folded): Answer => {
  const { facts, effects, divergence } = folded;
  const head = `${what}: ${facts} facts, ${effects} effects, ${divergence === null ? "no divergence" : `DIVERGENCE at seq ${divergence.seq}`}`;
  const text = divergence === null ? head : `${head}\nexpected ${divergence.expected}\n  actual ${divergence.actual}`;
  return { data: folded, text, exit: divergence === null ? 0 : 1 };
};

export const replay = verb({
  name: "replay",
  about:
    "fold a whole journal again, and name the first difference; exit 1 when there is one, 2 when it cannot be read",
  effect: "reads",
  examples: ["replay", "replay my-project.journal.ndjson"],
  args: { file: { about: "of `rig export`; without it the rig folds its own", optional: true } },
  options: { trusted: { type: "flag", about: "the file was checked already: do not check each line of it" } },
  run: async ({ file, trusted }, { api, find, cwd }) => {
    if (file === undefined) {
      const rig = await find.rig();
      return said(`rig ${rig.name}`, await api.call<Folded>("POST", rigPath(rig, "/replay")));
    }
    try {
      const input = createReadStream(path.resolve(cwd, file));
      const { header, ...folded } = await replayFile(
        sealChecked(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })),
        { trusted },
      );
      return said(`rig ${header.rig ?? "(unnamed)"}`, folded);
    } catch (error) {
      throw new Failure("misuse", messageOf(error));
    }
  },
});

export const AUDIT = [verify, replay];
