/** The mutants of what agents, checks, and whoever reads what agents wrote are held to. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const BOUND_MUTANTS: readonly Mutant[] = [
  mutant(
    "LIMIT-memory",
    "an agent that takes more memory than it may is ended where no control group holds it",
    "what it takes is not compared",
    edit("container/box/watch.ts", "return used > memory_bytes ?", "return used < 0 ?"),
  ),
  mutant(
    "LIMIT-shared",
    "memory that an agent shares, or keeps in files without a name, counts where a watcher holds it",
    "only what is its own alone does",
    edit("container/box/usage.ts", 'kibIn(status, "RssAnon") + kibIn(status, "RssShmem")', 'kibIn(status, "RssAnon")'),
  ),
  mutant(
    "LIMIT-hidden",
    "files that an agent has deleted and keeps open count for its disk",
    "only those that have a name do",
    edit(
      "container/box/usage.ts",
      "if (stat.dev === disk) disk_bytes += bytes;",
      "if (stat.dev === disk) disk_bytes += 0;",
    ),
  ),
  mutant(
    "LIMIT-pids",
    "an agent that starts more processes than it may is ended where the system does not count them",
    "they are not compared",
    edit("container/box/watch.ts", "pids !== null && threads > pids", "pids !== null && threads < 0"),
  ),
  mutant(
    "LIMIT-files",
    "a process of an agent opens no more files than it may",
    "it is not told to the system",
    edit("container/box/bounds.ts", 'by.files === "rlimit" ?', 'by.files === "cgroup" ?'),
  ),
  mutant(
    "LIMIT-disk",
    "an agent whose clone and home are larger than they may be is ended",
    "they are not compared",
    edit("container/box/watch.ts", "all <= disk_bytes", "disk_bytes > 0"),
  ),
  mutant(
    "LIMIT-setup",
    "the setup of a clone is in a control group, as its agent is",
    "it stays in that of the control server",
    edit(
      "container/box/agent-box.ts",
      "within: (argv) => held.outside(box.within(spec, holder.rlimits(argv))),",
      "within: (argv) => box.within(spec, holder.rlimits(argv)),",
    ),
  ),
  mutant(
    "LIMIT-setup",
    "the setup of a clone is ended when it has too much",
    "it is not looked at",
    edit("container/agents/workspace.ts", "watch: room.watch,", ""),
  ),
  mutant(
    "LIMIT-setup",
    "the setup of what is checked is ended when it has too much",
    "what the work brings along is not looked at",
    edit(
      "container/gate/gate.ts",
      "watch: (pid, onOver) => held.watch({ pid, folder: copy.root, onOver }), launcher: launcherFor(config, copy, inside),",
      "launcher: launcherFor(config, copy, inside),",
    ),
  ),
  mutant(
    "LIMIT-share",
    "an agent's group has half of the processor that another one has",
    "it has as much",
    edit(
      "container/box/cgroups.ts",
      '1: ["cpu.shares", "512"], 2: ["cpu.weight", "50"]',
      '1: ["cpu.shares", "1024"], 2: ["cpu.weight", "100"]',
    ),
  ),
  mutant(
    "LIMIT-inodes",
    "an agent whose clone and home have more files than they may is ended",
    "only their bytes count",
    edit(
      "container/box/watch.ts",
      "disk_files !== null && named.files > disk_files",
      "disk_files !== null && named.files < 0",
    ),
  ),
  mutant(
    "LIMIT-late",
    "what could not be added up in time counts as too much",
    "it counts as nothing",
    edit(
      "container/box/watch.ts",
      "if (named === null) return `disk_exceeded",
      "if (named === null) return disk_bytes !== null ? null : `disk_exceeded",
    ),
  ),
  mutant(
    "LIMIT-reading",
    "what reads an agent's files in a box is held to so much memory and time",
    "it takes what there is",
    edit("container/box/boxes.ts", "[...plain, ...wall(argv)]", "[...plain, ...argv]"),
  ),
  mutant(
    "LIMIT-tree",
    "no commit of an agent's is taken that comes to too many files",
    "they are not counted when it is taken",
    edit("container/git/reader.ts", "if (isWeighed) for", "if (!isWeighed) for"),
  ),
  mutant(
    "LIMIT-tree",
    "no commit's files are looked at that are too many",
    "they are not counted where it is in the store already",
    edit("container/git/files-of.ts", "await refuseOvergrown(git, folders.store, commit);", ""),
  ),
  mutant(
    "LIMIT-tree",
    "folders count as files do",
    "a tree of empty ones comes to nothing",
    edit("container/git/weigh.ts", '["ls-tree", "-r", "-t", "-z",', '["ls-tree", "-r", "-z",'),
  ),
  mutant(
    "LIMIT-replay",
    "no commit is merged by itself that comes to too many files",
    "each commit of the work is",
    edit("container/train/commits.ts", "if (await isOvergrown(git, store, commit)) return [];", ""),
  ),
  mutant(
    "LIMIT-tree",
    "what was merged is counted where it was never looked at",
    "all that a branch of the remote's came of is taken as it is",
    edit("container/git/weigh.ts", '(await one("--contains")) || null', '"itself"'),
  ),
  mutant(
    "LIMIT-wall",
    "git of ours that reads what an agent wrote is held to so much memory and time",
    "it takes what there is",
    edit("container/git/git.ts", "isWalled ? walled(plain", "!isWalled ? walled(plain"),
  ),
  mutant(
    "LIMIT-wall",
    "an agent's commits are fetched by a git that is held to its bounds",
    "by one that is not",
    edit(
      "container/git/reader.ts",
      "timeout_ms: GIT_COPY_TIMEOUT_MS, isWalled: true,",
      "timeout_ms: GIT_COPY_TIMEOUT_MS,",
    ),
  ),
  mutant(
    "LIMIT-wall",
    "commits that take more memory than reading them may are refused",
    "that is taken for a fault of this server's",
    edit("container/git/reader.ts", "!isOutOfRoom(result) && (", "isOutOfRoom(result) || ("),
  ),
  mutant(
    "LIMIT-room",
    "a file counts for a checkout as often as it is named",
    "once",
    edit(
      "container/git/room.ts",
      "seen.bytes += bytes * growth;",
      "seen.bytes = Math.max(seen.bytes, bytes * growth);",
    ),
  ),
  mutant(
    "LIMIT-room",
    "what is checked is checked out only where there is room for it",
    "it is not added up",
    edit("container/gate/copy.ts", "if (full !== null) throw new NoFiles(full);", ""),
  ),
  mutant(
    "LIMIT-growth",
    "large files count with their contents",
    "with what points to them",
    edit(
      "container/git/room.ts",
      "bytes: seen.bytes + (await contentsOf(git, store, pointers))",
      "bytes: seen.bytes + 0 * (await contentsOf(git, store, pointers))",
    ),
  ),
  mutant(
    "LIMIT-growth",
    "files that an attribute makes larger count as what they become",
    "as they are stored",
    edit("container/git/room.ts", "(word.test(stdout) ? all * times : all)", "(word.test(stdout) ? all : times)"),
  ),
  mutant(
    "LIMIT-handin",
    "work that no clone has room for is not accepted",
    "it is, and everybody who gets it finds out",
    edit("container/git/inspect.ts", "if (full !== null) return broken", 'if (full === "") return broken'),
  ),
  mutant(
    "LIMIT-handin",
    "no clone is made of a commit that it has no room for",
    "its files are written out",
    edit("container/git/clone.ts", "await refuseWithoutRoom(git, folders.store, start); const gitDir", "const gitDir"),
  ),
  mutant(
    "LIMIT-handin",
    "no clone is brought onto a commit that it has no room for",
    "they are written over those of another bead",
    edit(
      "container/git/clone.ts",
      "await refuseWithoutRoom(git, folders.store, start); configureClone(place);",
      "configureClone(place);",
    ),
  ),
  mutant(
    "LIMIT-checks",
    "a check is held to what an agent is",
    "it is in a box, and held to nothing",
    edit("container/gate/gate.ts", "held.outside(box.within(spec, holder.rlimits(argv)))", "box.within(spec, argv)"),
  ),
  mutant(
    "LIMIT-group",
    "an agent is in a control group of its own before it is anything else",
    "it stays in that of the control server",
    edit("container/box/cgroups.ts", 'echo $$ > "$1/cgroup.procs" || exit 126; shift', "shift"),
  ),
];
