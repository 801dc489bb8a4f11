/** The live view. */
import { feed, look, viewOf } from "../feed/run.ts";
import { PLAIN, withTerminal } from "../feed/terminal.ts";
import { render } from "../feed/view.ts";
import { verb } from "../verb.ts";

export const feedVerb = verb({
  name: "feed",
  about:
    "a live view for a terminal: who is needed on top, then the agents at work, with keys to answer, allow, retry, open and follow",
  more: `Works in 80 columns and 24 lines, without colour, over ssh. Where stdout is no terminal, or with --once, one page is printed as text.
Keys: up and down choose; a answers, 1 to 9 choose an answer that is offered, y allows, n denies, r tries again, s settles, f follows what the agent
prints, o makes a link to the board, q goes back or quits.`,
  effect: "changes",
  atTerminal: "it is a page for people; a tool asks `needs` and `agents`",
  args: {},
  options: { once: { type: "flag", about: "print one page, and end" } },
  run: async ({ once }, context) => {
    const { stdin, stdout } = process;
    if (once || !stdin.isTTY || !stdout.isTTY) {
      const seen = await look(context);
      const { needs, runners, beads } = seen;
      const lines = render(viewOf(seen), PLAIN).slice(0, -1);
      return {
        data: { needs: needs.map(({ rig, need }) => ({ rig: rig.id, ...need })), agents: runners, beads },
        text: lines.join("\n").trimEnd(),
      };
    }
    await withTerminal(stdin, stdout, (screen) => feed(context, screen));
    return { data: null, text: "" };
  },
});
