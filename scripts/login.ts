/** `npm run login -- RUNTIME`: a coding agent's own login, kept for Ticktown's agents in a home of its own. */
import path from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../src/events/message-of.ts";
import { StackError } from "./stack/errors.ts";
import { logIn } from "./stack/login.ts";

const from = process.env["INIT_CWD"] ?? process.cwd();
try {
  const { values, positionals } = parseArgs({ options: { state: { type: "string" } }, allowPositionals: true });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) throw new Error("name one agent");
  const left = await logIn(name, path.resolve(from, values.state ?? ".ticktown"), process.env);
  console.log(`kept for agents of this state folder, readable by you only:\n  ${left.join("\n  ")}`);
} catch (error) {
  console.error(messageOf(error));
  if (!(error instanceof StackError)) console.error("npm run login -- claude|codex|opencode|kilo|gemini [--state DIR]");
  process.exitCode = error instanceof StackError ? 1 : 2;
}
