/** The mutants of the command line. Their tests are in test/unit/cli. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const CLI_MUTANTS: readonly Mutant[] = [
  mutant(
    "CLI-ambiguous",
    "what may be several is none, and nothing is done",
    "the first of several beads is cancelled",
    edit("cli/pick.ts", "if (others.length === 0) return one;", "if (others.length >= 0) return one;"),
  ),
  mutant(
    "CLI-terminal",
    "what others wrote is printed without control characters",
    "an agent's output renames the terminal, hides what it did, or types into it",
    edit("cli/text.ts", '.replaceAll(ORDERS, "\\ufffd")', ""),
  ),
  mutant(
    "CLI-confirm",
    "what cannot be taken back is asked for, and where nobody can be asked it wants --yes",
    "a script that meant something else deletes a rig",
    edit("cli/run.ts", "if (ask === null) throw", "if (ask === null) return;\n  if (ask === null) throw"),
  ),
  mutant(
    "CLI-allow",
    "allow is for once, where the agent offers that",
    "one `allow` lets it do the same for ever",
    edit("src/core/needs-actions.ts", "/^(allow|accept|approve|yes)\\b(?!.*always)/i, ", ""),
  ),
  mutant(
    "CLI-foreign",
    "what is no answer of the API is none",
    "a proxy's page of an error is taken for a word of Ticktown's, and a script is told that nothing has that name",
    edit("cli/context.ts", "if (error.isForeign) return", "if (false) return"),
  ),
  mutant(
    "CLI-interrupt",
    "Ctrl-C ends what is asked for at that moment",
    "a command at a server that hangs takes no Ctrl-C for half a minute",
    edit("cli/context.ts", "where.token, user, world.signal)", "where.token, user)"),
  ),
  mutant(
    "CLI-lost",
    "output that could not be written is no success",
    "an export to a full disk ends with 0, and is found to be no backup when it is needed",
    edit("cli/main.ts", 'if (error.code === "EPIPE") return', "return"),
  ),
  mutant(
    "CLI-from",
    "a file goes on where it stopped",
    "after the second stop, what was slung is slung again",
    edit("cli/verbs/sling.ts", "from: from - 1 - titles.length", "from: -titles.length"),
  ),
  mutant(
    "MCP-table",
    "the tools are the verbs of the table, and no others",
    "what is for a terminal, tokens among them, is listed as a tool",
    edit("cli/mcp/tools.ts", "verbs.filter(({ atTerminal }) => atTerminal === undefined);", "verbs;"),
  ),
  mutant(
    "MCP-destroys",
    "a tool that cannot be undone is marked as destructive",
    "the program that calls asks nobody before a rig is deleted",
    edit("cli/mcp/tools.ts", 'destructiveHint: verb.effect === "destroys"', "destructiveHint: false"),
  ),
  mutant(
    "MCP-terminal",
    "what is for a terminal is no tool by whatever name",
    "who knows its name makes itself a token",
    edit(
      "cli/mcp/tools.ts",
      "toolVerbs(verbs).find((one) => toolNameOf(one) === name)",
      "verbs.find((one) => toolNameOf(one) === name)",
    ),
  ),
  mutant(
    "FEED-fits",
    "no line of the live view is wider than the terminal, and none is an order to it",
    "a long title breaks into two lines, and the page scrolls away",
    edit("cli/text.ts", "if (width > columns - dots.length) break;", ""),
  ),
  mutant(
    "FEED-keys",
    "a key does something only of what is selected and can be done",
    "y, pressed at a failure, allows whatever somebody else asks",
    edit(
      "cli/feed/keys.ts",
      '(key === "y" || key === "n") && need.code === "permission"',
      '(key === "y" || key === "n")',
    ),
  ),
];
