/** The mutants of the box that agents are kept in. Their tests run real agents in real boxes: test/container/agent-box.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const BOX = "container/box/agent-box.ts";

export const BOX_MUTANTS: readonly Mutant[] = [
  mutant(
    "BOX-sees",
    "an agent in a box writes its clone, its inbox and its home, and nothing else",
    "the rig's store is written too",
    edit(
      BOX,
      "writable: [mine.clone, mine.inbox, mine.home],",
      "writable: [mine.clone, mine.inbox, mine.home, folders.store],",
    ),
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
    edit(BOX, "within: (argv) => box.within(setup, boxes.holder.rlimits(argv)),", "within: (argv) => argv,"),
  ),
  mutant(
    "GATEWAY-alone",
    "an agent in a box without a network reaches Ticktown, and no other address",
    "the box has the machine's network",
    edit("container/box/bwrap.ts", 'args.push("--unshare-net", "--ro-bind"', 'args.push("--ro-bind"'),
  ),
  mutant(
    "GATEWAY-path",
    "what a box asks for goes to Ticktown's API or the agents' door by its path, and else nowhere",
    "whatever is no path of the door goes to the API's host",
    edit("container/box/gateway.ts", 'target.startsWith("/api/") ? "api" : null', '"api"'),
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
  mutant(
    "LIMIT-memory",
    "an agent that takes more memory than it may is ended where no control group holds it",
    "what it takes is not compared",
    edit("container/box/watch.ts", "return used > memory_bytes ?", "return used < 0 ?"),
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
    edit("container/box/watch.ts", "used !== null && used > bound", "used !== null && used < 0"),
  ),
  mutant(
    "LIMIT-group",
    "an agent is in a control group of its own before it is anything else",
    "it stays in that of the control server",
    edit("container/box/cgroups.ts", 'echo $$ > "$1/cgroup.procs" || exit 126; shift', "shift"),
  ),
];
