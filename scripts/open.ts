/** `npm run open`: a fresh link to the board of a Ticktown that runs. */
import { parseArgs } from "node:util";
import { linkToBoard } from "./stack/link.ts";
import { ticktownAt, tool, WHERE_HELP, WHERE_OPTIONS } from "./stack/operator.ts";

const HELP = `Usage: npm run open -- [options]

Prints a link to the board. It is good once and for five minutes: whoever opens it first is let in.

${WHERE_HELP}  --help              show this`;

await tool("open", async () => {
  const { values } = parseArgs({ options: { ...WHERE_OPTIONS, help: { type: "boolean", short: "h" } } });
  return values.help === true ? HELP : linkToBoard(ticktownAt(values));
});
