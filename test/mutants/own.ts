/** The mutants of what an agent makes of its own folders. Their tests are in test/container/agents-own.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const OWN_MUTANTS: readonly Mutant[] = [
  mutant(
    "OWN-submodule",
    "no git of ours goes down into a repository that an agent has put into its clone",
    "its configuration names a program, and we run it",
    edit("container/git/git.ts", '["git", ...withoutSubmodules(args)]', '["git", ...args]'),
  ),
  mutant(
    "OWN-home",
    "what we write for an agent is written in its home",
    "a link on the way leads to somebody else's settings",
    edit("container/files.ts", "if (there !== undefined && !there.isDirectory())", "if (false as boolean)"),
    edit("container/files.ts", "if (there?.isDirectory() !== true) mkdirSync", "if (there === undefined) mkdirSync"),
  ),
  mutant(
    "OWN-usage",
    "a link in the way of a file of ours is not followed",
    "what an agent says is written over somebody's file",
    edit(
      "container/files.ts",
      'rmSync(draft, { force: true });\n  const fd = openSync(draft, "wx", PRIVATE_FILE);',
      'const fd = openSync(draft, "w", PRIVATE_FILE);',
    ),
  ),
  mutant(
    "OWN-key",
    "a key that the door stands for is in nobody's environment",
    "a program of several providers has it as well",
    edit("container/agents/runtimes/environment.ts", "(throughDoor || isAtDoor(name, door))", "throughDoor"),
  ),
  mutant(
    "OWN-state",
    "what is nobody's to see is not seen by another name",
    "a link, or a second slash, shows it",
    edit("container/box/bwrap.ts", "isIn(secret, real))", "isIn(secret, file))"),
  ),
  mutant(
    "OWN-setup",
    "a setup has no key of a model",
    "what the repository brings along reads it",
    edit("container/gate/environment.ts", " || MODEL_VARIABLES.has(name)", ""),
  ),
  mutant(
    "OWN-acp",
    "any agent that speaks ACP reaches its models by the gateway, without a key",
    "it has neither a key nor a gateway",
    edit("container/agents/runtimes/runtimes.ts", "env: atDoor(door),", "env: {},"),
  ),
  mutant(
    "OWN-passed",
    "what is passed by name is that agent's as it is",
    "the gateway's address stands beside another's key",
    edit("container/agents/runtimes/environment.ts", "...withoutProvidersOf(passed, plan.env)", "...plan.env"),
  ),
];
