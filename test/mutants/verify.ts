/** The mutants of `verify`: what covers a commit, and what does not. Their tests look at real repositories in test/container. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const VERIFY = "src/core/verify.ts";
const JOURNAL = "src/core/verify-journal.ts";
const REPOSITORY = "scripts/verify/repository.ts";

export const VERIFY_MUTANTS: readonly Mutant[] = [
  mutant(
    "VERIFY-all",
    "all commits of a rebased bead are covered by its receipt",
    "only the last one is",
    edit(VERIFY, "parents.length === 1 && beads.includes(beadId)", "parents.length === 1 && beads.length > 9"),
  ),
  mutant(
    "VERIFY-json",
    "a program is told the same as a person",
    "it is told that all is well when nothing is uncovered",
    edit("scripts/verify/print.ts", "ok: why === null", "ok: counts.UNCOVERED === 0"),
  ),
  mutant(
    "VERIFY-stripped",
    "what went by train needs a receipt",
    "it is enough that the journal says merged",
    edit(JOURNAL, 'state.claims.get(reviewId)?.by === "merge"', "state.claims.has(reviewId)"),
  ),
  mutant(
    "VERIFY-gap",
    "a journal from which something is missing proves nothing of itself",
    "seqs may be missing",
    edit(JOURNAL, "if (json.seq !== seq + 1) gap", "if (json.seq <= seq) gap"),
  ),
  mutant(
    "VERIFY-tree",
    "a receipt is for one tree",
    "it is for any",
    edit(VERIFY, "if (tree !== tip.tree) return", 'if (tree === "") return'),
  ),
  mutant(
    "VERIFY-red",
    "a check that failed covers nothing",
    "only an exit code counts, and a signal is none",
    edit(VERIFY, "checks.find(({ exit }) => exit !== 0)", "checks.find(({ exit }) => (exit ?? 0) !== 0)"),
  ),
  mutant(
    "VERIFY-from",
    "a receipt begins below what it covers",
    "it may begin anywhere",
    edit(VERIFY, "if (!isAbove) return", "if (train < 0) return"),
  ),
  mutant(
    "VERIFY-named",
    "a receipt covers whom it names",
    "it covers all that came with it",
    edit(VERIFY, "const own = members.get(commit.hash);", "const own = members.get(commit.hash) ?? above;"),
    edit(VERIFY, "(merged.length > 1 || merged[0] !== member.handedIn)", "merged.length > 1"),
    edit(VERIFY, "beads.length > 0 && !beads.includes(member.beadId)", "beads.length > 9"),
  ),
  mutant(
    "VERIFY-maps",
    "git has merged what the receipt says",
    "it may have merged anything",
    edit(VERIFY, "(merged.length > 1 || merged[0] !== member.handedIn)", "merged.length > 1"),
  ),
  mutant(
    "VERIFY-committer",
    "whom the settings let commit needs a receipt as Ticktown does",
    "only its default name does",
    edit(VERIFY, "one.name === name && one.email === email", 'one.name === "" && one.email === email'),
  ),
  mutant(
    "VERIFY-bead",
    "who says that he is a bead's needs a receipt",
    "anybody may say so",
    edit(VERIFY, "if (named !== undefined) return", 'if (named === "") return'),
  ),
  mutant(
    "VERIFY-carried",
    "what was handed in is found below others",
    "only the parents of a merge are looked at",
    edit(
      VERIFY,
      "for (const parent of parents) reach.set",
      "if (position.has(hash)) for (const parent of parents) reach.set",
    ),
  ),
  mutant(
    "VERIFY-attempt",
    "a push whose end nobody knows is remembered",
    "a train that was never heard of again has pushed nothing",
    edit(JOURNAL, "state.attempts.push({ what: `train ${n}`, since: departed, until: at });", ""),
  ),
  mutant(
    "VERIFY-note",
    "notes prove nothing",
    "without a journal they are enough",
    edit("scripts/verify/command.ts", "return 1;", "return 0;"),
  ),
  mutant(
    "VERIFY-foreign",
    "where nobody else may commit somebody else is a fault",
    "--strict is not looked at",
    edit("scripts/verify/print.ts", "return isStrict && foreign > 0", "return isStrict && foreign < 0"),
  ),
  mutant(
    "VERIFY-handed_over",
    "what was handed over excuses whoever merges it, and not Ticktown",
    "it excuses Ticktown too",
    edit(
      VERIFY,
      "carried.every((source) => beads.has(beadIn(known, source))) && !isTicktowns",
      "carried.every((source) => beads.has(beadIn(known, source)))",
    ),
  ),
  mutant(
    "VERIFY-before",
    "what has no receipt is not counted as covered",
    "what was merged before receipts is",
    edit(
      VERIFY,
      '"tip", "member", "reverted", "unchecked"]);',
      '"tip", "member", "reverted", "unchecked", "before receipts"]);',
    ),
  ),
  mutant(
    "VERIFY-began",
    "a commit that says that it is old hides nothing",
    "the rig's time ends at the first that says so",
    edit(VERIFY, "else if (before.has(hash)) count = n;", "else if (before.has(hash)) count = n; else break;"),
  ),
  mutant(
    "VERIFY-elsewhere",
    "receipts of commits that are not there are told",
    "they are left out",
    edit(VERIFY, "elsewhere.push(receipt);", ""),
  ),
  mutant(
    "VERIFY-input",
    "the journal of another rig is no answer",
    "it is taken",
    edit("scripts/verify/run.ts", "if (!isOfThisLine(whole, known))", "if (whole.length === 0)"),
  ),
  mutant(
    "VERIFY-own",
    "no commit is made to look like another",
    "git's replacements are believed",
    edit(REPOSITORY, 'GIT_NO_REPLACE_OBJECTS: "1",', ""),
    edit(REPOSITORY, ', "core.useReplaceRefs=false"', ""),
  ),
  mutant(
    "VERIFY-own",
    "no commit is made to look like another",
    "the repository says what is a comment",
    edit(REPOSITORY, ', "core.commentChar=#"', ""),
  ),
  mutant(
    "VERIFY-older",
    "what was handed in is looked for also where a commit says that it is older than the rig",
    "only the rig's time is looked at",
    edit("scripts/verify/run.ts", "return Math.max(began, ", "return Math.min(began, "),
  ),
  mutant(
    "VERIFY-target",
    "in a clone of what the rig works on the target is what was fetched",
    "it is the clone's own branch",
    edit(REPOSITORY, "isSame(origin, gitUrl)", 'origin === ""'),
  ),
];
