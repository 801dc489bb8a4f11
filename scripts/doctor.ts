/** `npm run doctor`: what this machine has of what Ticktown needs. Exit 1 when something is missing without which it cannot work. */
import path from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../src/events/message-of.ts";
import { examine, lineOf } from "./stack/doctor.ts";

const from = process.env["INIT_CWD"] ?? process.cwd();
try {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { agent: text, state: text, container: text } });
  const findings = await examine({
    env: process.env,
    stateDir: path.resolve(from, values.state ?? ".ticktown"),
    agent: values.agent ?? null,
    from,
    container: values.container ?? null,
  });
  for (const finding of findings) console.log(lineOf(finding));
  process.exitCode = findings.some(({ level }) => level === "missing") ? 1 : 0;
} catch (error) {
  console.error(`${messageOf(error)}\nnpm run doctor -- [--agent NAME_OR_COMMAND] [--state DIR] [--container URL]`);
  process.exitCode = 2;
}
