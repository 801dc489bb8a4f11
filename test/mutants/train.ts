/** The mutants of trains: what is stacked, what leaves, what is pushed. Their tests run real git in test/container. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const TRAIN_MUTANTS: readonly Mutant[] = [
  mutant(
    "TRAIN-once",
    "a train that is asked for twice runs once",
    "it runs as often as it is asked for",
    edit("container/train/trains.ts", "if (result !== undefined) return report(options, request, result);", ""),
  ),
  mutant(
    "TRAIN-leaves",
    "who cannot be stacked leaves, and the others go on",
    "the target's own history is not looked at",
    edit("container/train/stack.ts", "if (fork === source)", "if (fork === null)"),
  ),
  mutant(
    "TRAIN-protected",
    "a change of a protected file waits for a person",
    "any approval will do",
    edit(
      "container/train/stack.ts",
      "if (member.approvedTree === tree) return null;",
      "if (member.approvedTree !== null) return null;",
    ),
  ),
  mutant(
    "TRAIN-squash",
    "what landed as another commit is known as landed",
    "only ancestors count",
    edit("container/train/stack.ts", "if (landed !== undefined) return contained(landed);", ""),
  ),
  mutant(
    "TRAIN-rebase",
    "a commit is named after the bead that brought it",
    "it may name another",
    edit("container/train/commits.ts", "filter((line) => !OURS.test(line))", "filter((line) => OURS !== null)"),
  ),
  mutant(
    "TRAIN-revert",
    "a bead is taken back with all of its commits",
    "the last one is taken back",
    edit("container/train/commits.ts", "for (let n = total - 1; n >= 1 &&", "for (let n = total - 1; n >= total &&"),
  ),
  mutant(
    "TRAIN-hand_over",
    "what somebody else put on a branch is not overwritten",
    "it is",
    edit("container/train/push.ts", "if (!own.includes(true))", "if (own.includes(false) && own.includes(true))"),
  ),
  mutant(
    "TRAIN-moved",
    "a target that moved is stacked upon again",
    "it is taken for a refusal",
    edit("container/train/classify.ts", "if (MOVED.test(said)) return null;", ""),
  ),
  mutant(
    "TRAIN-refused",
    "a push that the place refuses is the place's matter",
    "it is taken for a matter of this moment",
    edit(
      "container/train/classify.ts",
      "return rule.stop(words, onto);",
      'return passing("remote_unreachable", words);',
    ),
  ),
  mutant(
    "TRAIN-lost_push",
    "what a server had pushed when it died is told",
    "what is to be pushed is kept in mind alone",
    edit("container/train/run.ts", "  await writeDown(context,", "  if (context.ephemeral) await writeDown(context,"),
  ),
  mutant(
    "TRAIN-lost_push",
    "a push is told until the rig has answered",
    "it is told once, and believed to be heard",
    edit(
      "container/train/pushes.ts",
      "await isAncestor(git, folders.store, to, target))) arrived.push(written);",
      "await isAncestor(git, folders.store, to, target))) (arrived.push(written), removeFile(fileOf(folders, written)));",
    ),
  ),
  mutant(
    "TRAIN-lost_push_again",
    "a train that is asked for again says what it had pushed",
    "it takes its own push for that of another",
    edit("container/train/run.ts", "if (trainId === context.request.trainId) {", 'if (trainId === "") {'),
  ),
  mutant(
    "TRAIN-lost_disk",
    "where the disk does not last, the remote remembers what is to be pushed",
    "it is written to the disk and nowhere else",
    edit("container/train/pushes.ts", "  if (!context.ephemeral) return;", "  if (context.ephemeral) return;"),
  ),
  mutant(
    "TRAIN-unwritten",
    "a push that cannot be written down is not made",
    "what could not be kept is pushed all the same",
    edit("container/train/pushes.ts", "  if (refused !== null)\n    throw passing", "  if (false)\n    throw passing"),
  ),
  mutant(
    "TRAIN-never_arrives",
    "what was written down and can still arrive is kept",
    "what is not there yet never comes",
    edit("container/train/pushes.ts", "else if (from !== target) removeFile", "else removeFile"),
  ),
  mutant(
    "TRAIN-lost_push",
    "a push that arrived is seen, whoever made it",
    "a squash does not say what it is made of",
    edit(
      "container/train/commits.ts",
      "const message = messageOf(member, [`${HANDED_IN}: ${source}`]);",
      "const message = messageOf(member, []);",
    ),
    edit(
      "container/train/stack.ts",
      'strategy !== "merge" && (await addsNothing',
      'strategy === "hand_over" && (await addsNothing',
    ),
  ),
  mutant(
    "TRAIN-notes",
    "notes of others are kept",
    "ours replace them",
    edit(
      "container/train/notes.ts",
      '"push", "--quiet", "--no-verify", "origin", `${NOTES_REF}:${NOTES_REF}`',
      '"push", "--quiet", "--no-verify", "origin", `+${NOTES_REF}:${NOTES_REF}`',
    ),
    edit("container/train/notes.ts", "if (fetched.code === 0) {", "if (fetched.code === null) {"),
  ),
  mutant(
    "TRAIN-fits",
    "a report is never too large for the rig to take",
    "its size is not looked at",
    edit("container/train/fit.ts", "most > 0; most >>= 1", "most < 0; most >>= 1"),
  ),
  mutant(
    "TRAIN-words",
    "a secret is hidden before words are cut",
    "they are cut first",
    edit(
      "container/train/run.ts",
      "context.redact(stopped.words).slice(0, TRAIN_WORDS_MAX_CHARS)",
      "context.redact(stopped.words.slice(0, TRAIN_WORDS_MAX_CHARS))",
    ),
  ),
  mutant(
    "TRAIN-untold",
    "a train knows its own push behind those that nobody heard of",
    "it is one of so many that are looked at",
    edit(
      "container/train/pushes.ts",
      "numberOf(a.trainId) - numberOf(b.trainId));",
      "numberOf(a.trainId) - numberOf(b.trainId)).slice(0, 8);",
    ),
  ),
  mutant(
    "GATE-pointers",
    "a pointer that nobody has cannot hide behind others",
    "those behind the last that is looked for are taken as they are",
    edit("container/gate/submodules.ts", "if (pointers.length > SUBMODULES_MAX)", "if (pointers.length < 0)"),
    edit(
      "container/gate/submodules.ts",
      "for (const pointer of pointers) {",
      "for (const pointer of pointers.slice(0, SUBMODULES_MAX)) {",
    ),
  ),
  mutant(
    "GATE-traps",
    "whatever is red gets nowhere, in a whole rig",
    "it is pushed all the same",
    edit(
      "container/train/run.ts",
      "const upTo = isChecked ? (best?.upTo ?? 0) : request.members.length;",
      "const upTo = request.members.length;",
    ),
  ),
  mutant(
    "GATE-missing",
    "a command that is not there is red, and said to be missing",
    "exit 127 is like any other",
    edit("container/gate/check.ts", "const NOT_FOUND = 127;", "const NOT_FOUND = 126;"),
  ),
  mutant(
    "GATE-expect",
    "exit 0 is not enough where no test ran",
    "it is",
    edit("container/gate/check.ts", "wasExpected: () => found,", "wasExpected: () => found || wanted !== null,"),
  ),
  mutant(
    "GATE-timeout",
    "a check that takes too long is red with all that it started ended",
    "it counts as good",
    edit("container/gate/check.ts", 'if (late) return done(null, "timeout",', "if (late) return done(0, null,"),
  ),
  mutant(
    "GATE-killed",
    "a gate that is killed is red",
    "its end by a signal is no failure",
    edit("container/gate/check.ts", 'if (code === null) return ["killed",', "if (code === null) return [null,"),
  ),
  mutant(
    "GATE-dirty",
    "a check that changes what it checks is red",
    "the tree is not looked at afterwards",
    edit("container/gate/gate.ts", "return dirt.length === 0 ? run", "return dirt.length >= 0 ? run"),
  ),
  mutant(
    "GATE-file",
    "the checks are the target's own",
    "they are those of the work",
    edit(
      "container/gate/checker.ts",
      "const rules = await rulesOf(context, target);",
      "const rules = await rulesOf(context, stacked.tips.at(-1) ?? target);",
    ),
  ),
  mutant(
    "GATE-file_bad",
    "checks that cannot be read are no leave to check nothing",
    "they are",
    edit(
      "container/gate/rules.ts",
      'if (value === undefined) throw bad("is not JSON");',
      "if (value === undefined) return { checks: [], setup };",
    ),
  ),
  mutant(
    "GATE-prefix",
    "only what is green is pushed",
    "what is green is pushed with all that is stacked on it",
    edit(
      "container/train/run.ts",
      "isChecked ? (best?.upTo ?? 0) : request.members.length",
      "best === null && isChecked ? 0 : request.members.length",
    ),
  ),
  mutant(
    "GATE-target",
    "the target alone is looked at where that is asked for",
    "it is not",
    edit(
      "container/gate/checker.ts",
      "for (const upTo of gates) {",
      "for (const upTo of gates.filter((gate) => gate > 0)) {",
    ),
  ),
  mutant(
    "GATE-flaky",
    "what was red is run once more by itself",
    "it is not",
    edit(
      "container/gate/checker.ts",
      "return [...trees.values(), ...alone];",
      "return [...trees.values(), ...alone.slice(1)];",
    ),
  ),
  mutant(
    "GATE-slots",
    "no more gates run at a time than the rig has slots",
    "all of them do",
    edit("container/gate/checker.ts", "Math.min(slots, jobs.length)", "Math.max(slots, jobs.length)"),
  ),
  mutant(
    "GATE-race",
    "what is pushed is what was checked",
    "who was overtaken says that it is on the target",
    edit(
      "container/train/run.ts",
      "if (!(await pushTarget(context, from, to))) return false;",
      "await pushTarget(context, from, to);",
    ),
  ),
  mutant(
    "GATE-submodule",
    "a pointer to a commit that nobody has is red",
    "nobody looks where it points",
    edit("container/gate/gate.ts", "if (lost !== null)", 'if (lost === "")'),
  ),
  mutant(
    "GATE-store",
    "a check that writes the rig's store is red",
    "it is not looked at",
    edit("container/gate/store-watch.ts", "return touched.length === 0 ? null", "return touched.length >= 0 ? null"),
  ),
  mutant(
    "GATE-env",
    "checks see no secret",
    "they see what setup sees",
    edit("container/gate/gate.ts", "const env = checkEnvironment(", "const env = setupEnvironment("),
  ),
  mutant(
    "GATE-setup",
    "a setup that only the work breaks is the work's matter",
    "it is always the place's",
    edit("container/gate/gate.ts", "const isPlace = commit === target ||", "const isPlace = commit !== target ||"),
  ),
  mutant(
    "GATE-crash",
    "a dead server's copies are removed",
    "they stay",
    edit(
      "container/http/take-over.ts",
      "await removeTree(gatesOf(workDir));",
      "await removeTree(gatesOf(`${workDir}/elsewhere`));",
    ),
  ),
  mutant(
    "GATE-drain",
    "a check that is ended on the way out says nothing of the work",
    "it is a verdict",
    edit(
      "container/gate/gate.ts",
      `// One that was stopped says nothing.
    checkGoesOn(context);`,
      "",
    ),
    edit("container/train/run.ts", "checkGoesOn(context); return push(", "return push("),
  ),
  mutant(
    "GATE-box",
    "a check sees its copy and the system",
    "it sees this machine's processes",
    edit("container/box/bwrap.ts", "--unshare-pid --unshare-ipc", "--unshare-ipc"),
  ),
  mutant(
    "GATE-drain_deaf",
    "what does not hear that it is to end is gone early enough for its report",
    "it has the whole grace",
    edit("container/agents/supervisor.ts", "program.stop(signal, grace_ms / 2);", "program.stop(signal, grace_ms);"),
  ),
];
