/** Which Ticktown an operator's tool speaks to: the one on a state folder, or a deployed one. */
import { messageOf } from "../../src/events/message-of.ts";
import path from "node:path";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { StackError } from "./errors.ts";
import { runningOn } from "./state.ts";

/** For the tools' own help. */
export const WHERE_HELP = `  --state DIR         the state folder of a Ticktown that runs on this machine (./.ticktown)
  --url URL           a Ticktown elsewhere; its operator's token in the environment variable TICKTOWN_OPERATOR_TOKEN
`;
export const WHERE_OPTIONS = { state: { type: "string" }, url: { type: "string" } } as const;

/** npm changes to the project's folder and says here where it was called; paths are meant from there. */
export const calledFrom = process.env["INIT_CWD"] ?? process.cwd();

/** @throws StackError when nothing runs there, or it cannot be spoken to */
export function ticktownAt(values: { readonly state?: string | undefined; readonly url?: string | undefined }): {
  readonly url: string;
  readonly api: ApiClient;
} {
  if (values.url === undefined) {
    const { url, token } = runningOn(path.resolve(calledFrom, values.state || ".ticktown"));
    return { url, api: createApiClient(url, token) };
  }
  const url = URL.parse(values.url);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new StackError(`--url is "${values.url}"; it must be an http:// or https:// URL`);
  const token = process.env["TICKTOWN_OPERATOR_TOKEN"];
  if (token === undefined || token === "")
    throw new StackError("--url needs the operator's token in the environment variable TICKTOWN_OPERATOR_TOKEN");
  return { url: url.origin, api: createApiClient(url.origin, token) };
}

/** Runs a tool: what it answers goes to stdout; a StackError is one sentence and exit code 1, misuse its sentence and 2. */
export async function tool(name: string, run: () => Promise<string>): Promise<never> {
  try {
    process.stdout.write(`${await run()}\n`);
    process.exit(0);
  } catch (error) {
    const isMisuse = error instanceof TypeError && "code" in error;
    const known = error instanceof StackError || isMisuse;
    const text = messageOf(error);
    process.stderr.write(`ticktown: ${known ? text : error instanceof Error ? (error.stack ?? text) : text}\n`);
    if (isMisuse) process.stderr.write(`Try: npm run ${name} -- --help\n`);
    process.exit(isMisuse ? 2 : 1);
  }
}
