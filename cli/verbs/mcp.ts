/** The verb that makes the others tools of a person's own agent. */
import type { Family } from "../table.ts";
import { verb, type Verb } from "../verb.ts";
import { versionHere } from "../version.ts";

export const mcpVerb = (families: () => readonly Family[]): Verb =>
  verb({
    name: "mcp",
    about: "serve these verbs as MCP tools over stdin and stdout, for an agent of your own that runs the fleet",
    more: `Every verb is a tool but those that say that they are none; those that cannot be taken back are marked as destructive, so that the program that calls
asks you first. The tools speak to the Ticktown that this command line names, with its token. In Claude Code: \`claude mcp add ticktown -- ticktown mcp\`.`,
    effect: "changes",
    atTerminal: "it serves them",
    isLocal: true,
    examples: ["mcp", "mcp --url https://ticktown.example"],
    args: {},
    options: {},
    run: async (_, context) => {
      const { serveMcp } = await import("../mcp/server.ts");
      await serveMcp(
        families().flatMap(({ verbs }) => verbs),
        versionHere(),
        context,
      );
      return { data: null, text: "" };
    },
  });
