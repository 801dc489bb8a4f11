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
    edit(BOX, '["env", ...DEAF, ...box.within', '["env", ...box.within'),
  ),
  mutant(
    "BOX-required",
    "where a rig requires a box nothing is started without one",
    "the setting is not looked at",
    edit(BOX, 'if (place.box === "required")', 'if (place.box !== "required" && place.box !== "any")'),
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
    edit(BOX, "[file, packagesOf(real) ?? real]", "[path.dirname(file), packagesOf(real) ?? real]"),
  ),
  mutant(
    "BOX-setup",
    "the setup of a clone is in a box as its agent is",
    "it runs outside",
    edit(BOX, "within: (argv) => box.within(setup, argv),", "within: (argv) => argv,"),
  ),
];
