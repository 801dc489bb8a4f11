/** The mutants of the box that agents are kept in. Their tests run real agents in real boxes: test/container/agent-box.test.ts. */
import { type Edit, edit, mutant, type Mutant } from "./mutant.ts";

const BOX = "container/box/agent-box.ts";

const BWRAP = "container/box/bwrap.ts";
/** No process table of its own: the probe that would notice is told to be content. */
const SHARED_TABLE = [
  edit(BWRAP, '"--unshare-pid --unshare-ipc', '"--unshare-ipc'),
  edit("container/box/box.ts", 'test "$$" -lt 100 &&', ""),
] as const;
/** Where it is root's, it stays root: the probe that would notice is told to be content. */
const ROOT_STAYS = [
  edit(BWRAP, "if (uid === undefined) return argv;", "if (uid !== 0) return argv;"),
  edit("container/box/box.ts", 'test "$(id -u)" -ne 0 &&', ""),
] as const;
const HIDDEN_SHOWN = edit(BWRAP, "!hidden.some((secret) => isIn(secret, real))", "true");
const STORE_WRITTEN = edit(
  BOX,
  "writable: [mine.clone, mine.inbox, mine.home],",
  'writable: [mine.clone, mine.inbox, mine.home, path.resolve(mine.root, "../../store.git")],',
);
const RIG_SHOWN = edit(
  BOX,
  "foldersOf(config.workDir, rigId).store, boxConfigFile",
  "path.dirname(foldersOf(config.workDir, rigId).store), boxConfigFile",
);

/** One per way out of test/container/escapes.test.ts. */
const ESCAPES: readonly (readonly [name: string, rule: string, bug: string, ...edits: Edit[]])[] = [
  ["state", "the state folder is not shown, whoever asks for it", "it is shown to a rig that asks", HIDDEN_SHOWN],
  ["home", "the operator's home is not shown, whoever asks for it", "it is shown to a rig that asks", HIDDEN_SHOWN],
  [
    "environ",
    "no process outside of a box is seen in it, and so no environment",
    "all are, with root's rights",
    ...SHARED_TABLE,
    edit(BWRAP, "--die-with-parent --cap-drop ALL", "--die-with-parent"),
    ...ROOT_STAYS,
  ],
  ["clone", "an agent sees nothing of its rig but its own folders and the store", "it sees all of the rig", RIG_SHOWN],
  ["proc", "a box has a process table of its own", "it has the machine's", ...SHARED_TABLE],
  ["kill", "no process outside of a box is ended from it", "each of the same user's is", ...SHARED_TABLE],
  [
    "setsid",
    "a box ends as a whole, with what has left its session",
    "what has cleaned its environment stays",
    ...SHARED_TABLE,
  ],
  [
    "symlink",
    "git is not let loose in a git folder that leads elsewhere",
    "it is",
    edit("container/git/workspaces.ts", 'linkIn(path.join(clone, ".git")) === null', "clone.length > 0"),
  ],
  ["hardlink", "nothing of another agent's is there to be linked", "all of the rig is", RIG_SHOWN],
  [
    "socket",
    "the control socket is not in a box",
    "it is",
    edit(
      BOX,
      "config.hostEnv[name] ?? []), ...config.boxVisible,",
      'config.hostEnv[name] ?? []), ...config.boxVisible, config.socket ?? "",',
    ),
  ],
  ["refs", "an agent does not write the store's refs", "the store is written in a box", STORE_WRITTEN],
  ["config", "an agent does not write the store's configuration", "the store is written in a box", STORE_WRITTEN],
  [
    "hook",
    "git of Ticktown's own runs no hook of an agent's",
    "it runs what lies in the clone",
    edit("container/git/git.ts", '["core.hooksPath", "/dev/null"],', ""),
  ],
  [
    "fsmonitor",
    "git of Ticktown's own runs no program that a clone's configuration names",
    "the configuration is left as the agent wrote it, and not overruled",
    edit("container/git/git.ts", '["core.fsmonitor", "false"],', ""),
    edit(
      "container/git/clone.ts",
      'replace(path.join(gitDir, "config"), text);',
      'if (!liesThere(path.join(gitDir, "config"))) replace(path.join(gitDir, "config"), text);',
    ),
  ],
  [
    "alternates",
    "an agent's commits are taken with its own objects and the store's, and no others",
    "what its clone borrows is read as well",
    edit("container/git/reader.ts", "refuseElsewhere(from.objects, store);", ""),
    edit(
      "container/git/reader.ts",
      "if (git.reading === null || isPartial(store)) return [];",
      "if (store) return [];",
    ),
  ],
  [
    "exchange",
    "an agent's objects are found by whoever reads them in a box, which shows its clone and the store",
    "by whoever makes the box",
    edit("container/git/reader.ts", "alone(git, store, [reader, root])", "alone(git, store, [reader, objects])"),
  ],
  [
    "walk",
    "what goes through an agent's files is in a box",
    "it sees the whole machine",
    edit(
      "container/git/files-of.ts",
      "const isApart = git.reading !== null &&",
      "const isApart = git.reading === null &&",
    ),
  ],
  [
    "linked",
    "no file that an agent may write is the store's or the remote's too",
    "git and git-lfs link what is on the same disk",
    edit("container/git/clone.ts", "await ownFiles(gitDir);", ""),
  ],
  [
    "fork",
    "a box starts no more processes than it may",
    "nobody holds it to that",
    edit("container/box/bounds.ts", 'pids: bounds.pids === null ? "nobody" :', 'pids: bounds.pids !== 0 ? "nobody" :'),
  ],
  [
    "disk",
    "an agent that fills the disk is ended",
    "its files are not looked at",
    edit(
      "container/box/bounds.ts",
      "disk_bytes: bounds.disk_bytes, disk_files: bounds.disk_files, };",
      "disk_bytes: null, disk_files: null, };",
    ),
  ],
  [
    "network",
    "a box without a network has none",
    "it has the machine's",
    edit(BWRAP, 'args.push("--unshare-net", "--ro-bind"', 'args.push("--ro-bind"'),
  ],
  [
    "abstract",
    "a box without a network reaches no socket that is in no file system",
    "it has the machine's network",
    edit(BWRAP, 'args.push("--unshare-net", "--ro-bind"', 'args.push("--ro-bind"'),
  ],
  [
    "root",
    "a box has a process table of its own",
    "it has the machine's, and is root's",
    ...SHARED_TABLE,
    ...ROOT_STAYS,
  ],
  [
    "keys",
    "who is in a box asks the kernel for no keys",
    "it may",
    edit("container/box/box.ts", "return tried.code === 0 ? begin : [program];", "return [program];"),
  ],
  [
    "descriptor",
    "who is started gets three streams, and nothing that this server was started with",
    "it gets that too",
    edit("container/main.ts", "closeInherited();", ""),
  ],
  [
    "key",
    "an agent is given of the control server's environment what is listed, and nothing else",
    "it is given all of it",
    edit(
      "container/agents/environment.ts",
      "...hostEnvForAgents(config.hostEnv, config.agentPass),",
      "...(config.hostEnv as Record<string, string>),",
    ),
  ],
  [
    "receipt",
    "what an agent pushes lands in its inbox, and nothing is taken from there",
    "it lands in the store, which its box may write",
    STORE_WRITTEN,
    edit(
      "container/git/clone.ts",
      'key: "remote.origin.pushurl", value: mine.inbox',
      'key: "remote.origin.pushurl", value: folders.store',
    ),
  ],
];

export const BOX_MUTANTS: readonly Mutant[] = [
  mutant(
    "ESC-disk",
    "files in folders that nobody may look into count as well",
    "they do not",
    edit("container/box/usage.ts", "isHidden: size.isHidden || count.isHidden", "isHidden: false"),
  ),
  mutant(
    "BOX-sees",
    "an agent in a box writes its clone, its inbox and its home, and nothing else",
    "the rig's store is written too, by root",
    STORE_WRITTEN,
    ...ROOT_STAYS,
  ),
  mutant(
    "BOX-hears",
    "an agent in a box hears that it is to end",
    "the box ends by the signal that its agent is to hear",
    edit(BOX, '["env", ...DEAF, ...held.outside', '["env", ...held.outside'),
  ),
  mutant(
    "BOX-required",
    "where a rig requires a box nothing is started without one",
    "the setting is not looked at",
    edit(BOX, 'place.box === "required" || place.box_network', "place.box_network"),
  ),
  mutant(
    "BOX-none",
    "a server that is told to have a box does not start without one",
    "it goes on without",
    edit("container/box/boxes.ts", 'if (config.agentBox === "bwrap") throw', "if (config.agentBox === null) throw"),
  ),
  mutant(
    "BOX-tools",
    "what an agent is made of is seen, and nothing beside it",
    "the folder of a script is seen with it",
    edit(
      "container/box/programs.ts",
      "[file, packagesOf(real) ?? real]",
      "[path.dirname(file), packagesOf(real) ?? real]",
    ),
  ),
  mutant(
    "BOX-setup",
    "the setup of a clone is in a box as its agent is",
    "it runs outside",
    edit(BOX, "within: (argv) => held.outside(box.within(spec, holder.rlimits(argv))),", "within: (argv) => argv,"),
  ),
  mutant(
    "BOX-setup",
    "the setup of a clone writes the clone, and not the rig's store",
    "it writes the store too, by root",
    edit(
      BOX,
      "cwd: clone, writable: [clone],",
      'cwd: clone, writable: [clone, path.resolve(clone, "../../../store.git")],',
    ),
    ...ROOT_STAYS,
  ),
  mutant(
    "BOX-setup",
    "the setup of a clone does not see its agent's home",
    "it does",
    edit(
      BOX,
      "cwd: clone, writable: [clone], readable,",
      'cwd: clone, writable: [clone, path.resolve(clone, "../home")], readable,',
    ),
  ),
  mutant(
    "BOX-parent",
    "what is asked for and not shown is named",
    "it is left out without a word",
    edit(BOX, "return secret === null ?", "return secret !== null ?"),
  ),
  mutant("BOX-user", "where Ticktown is root nobody in a box is", "its programs stay root", ...ROOT_STAYS),
  mutant(
    "BOX-settings",
    "git in a box knows nothing that the operator logs in with",
    "all that was taken over is shown",
    edit("container/git/user-config.ts", "used.filter(isShown)", "used"),
  ),
  mutant(
    "BOX-read",
    "no rig is shown what lies in a folder of Ticktown's own",
    "it is not looked where a path leads",
    edit(BOX, "isIn(realOf(file), folder)", "file === folder"),
  ),
  mutant(
    "BOX-receipt",
    "a receipt says what the work was made in",
    "it says nothing of that",
    edit("container/git/inspect.ts", "kept.code === 0 ? kept.stdout : UNKNOWN_BOX", "UNKNOWN_BOX"),
  ),
  mutant(
    "GATEWAY-alone",
    "an agent in a box without a network reaches Ticktown, and no other address",
    "the box has the machine's network",
    edit("container/box/bwrap.ts", 'args.push("--unshare-net", "--ro-bind"', 'args.push("--ro-bind"'),
  ),
  mutant(
    "GATEWAY-smuggled",
    "a request without a length has no body",
    "what stands behind it is passed on, and is the next request",
    edit("container/box/gateway.ts", "if (!takesBody && hasBody(request)) return", "if (api === null) return"),
    edit("container/box/gateway.ts", "if (takesBody) request.pipe(onward);", "if (api !== null) request.pipe(onward);"),
  ),
  mutant(
    "GATEWAY-smuggled",
    "no two boxes share a connection to the API",
    "they do",
    edit("container/box/gateway.ts", "agent, method: request.method,", "method: request.method,"),
  ),
  mutant(
    "GATEWAY-path",
    "what a box asks for goes to Ticktown's API or the agents' door by its path, and else nowhere",
    "whatever is no path of the door goes to the API's host",
    edit("container/box/gateway.ts", 'target.startsWith("/api/") ? "api" : null', '"api"'),
  ),
  mutant(
    "GATEWAY-path",
    "a path that may be read in two ways leads nowhere",
    "it is passed on as it is",
    edit("container/box/gateway.ts", 'if (isAmbiguous(target.replace(/[?#].*$/s, ""))) return null;', ""),
  ),
  mutant(
    "GATEWAY-alone",
    "what a box says in place of whoever passes it on is not passed on",
    "it is",
    edit("container/box/gateway.ts", "...headersToApi(request.headers)", "...headersOfMessage(request.headers)"),
  ),
  mutant(
    "GATEWAY-door",
    "a coding agent in a box without a network is told the address of the door in its box",
    "it is told the address outside",
    edit("container/box/agent-box.ts", "doorUrl: gateway === null ? null : URL_IN_BOX,", "doorUrl: null,"),
  ),
  mutant(
    "GATEWAY-required",
    "a rig that wants its agents to reach nothing but Ticktown has it, or nothing is started",
    "the rig's setting is not looked at",
    edit(
      "container/box/agent-box.ts",
      'place.box_network === "gateway" || config.agentNetwork === "gateway"',
      'config.agentNetwork === "gateway"',
    ),
  ),
  ...ESCAPES.map(([name, rule, bug, ...edits]) => mutant(`ESC-${name}`, rule, bug, ...edits)),
  mutant(
    "LAUNCH-user",
    "in the image each agent is a user of its own",
    "it is the control server's",
    edit(
      "container/launcher/launcher.ts",
      "const uid = free.shift();",
      "const uid = free.length > 0 ? options.control.uid : free.shift();",
    ),
  ),
  mutant(
    "LAUNCH-checks",
    "in the image what is checked is run by a user of its own",
    "it is run by the control server's",
    edit("container/gate/environment.ts", "if (launcher !== null) return {", 'if (launcher === "") return {'),
  ),
  mutant(
    "LAUNCH-end",
    "whatever an agent's user has started ends with the agent",
    "what has cleaned its environment stays",
    edit("container/launcher/launcher.ts", "await endAllOf([uid]);", ""),
    edit("container/agents/supervisor.ts", "program.uid === null ? () => {} :", "program.uid !== 0 ? () => {} :"),
  ),
  mutant(
    "LAUNCH-gives",
    "the launcher gives nobody what is not the control server's",
    "it gives whatever is asked for",
    edit(
      "container/launcher/launcher.ts",
      "if (real !== file || !file.startsWith",
      'if (real === "" && !file.startsWith',
    ),
  ),
];
