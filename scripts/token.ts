/** `npm run token`: operators' tokens of a Ticktown that runs. */
import { parseArgs } from "node:util";
import type { ApiClient } from "./stack/api-client.ts";
import { StackError } from "./stack/errors.ts";
import { ticktownAt, tool, WHERE_HELP, WHERE_OPTIONS } from "./stack/operator.ts";

const HELP = `Usage: npm run token -- add NAME [--scope read|operate|admin]
       npm run token -- list
       npm run token -- revoke ID

add prints a new token, which is shown only then; NAME says whose it is. revoke also ends every browser that it let in.

  --scope SCOPE       read: look at everything; operate: also act on rigs (the default);
                      admin: also tokens, secrets and deletions
${WHERE_HELP}  --help              show this`;

interface OperatorToken {
  readonly id: string;
  readonly name: string;
  readonly scope?: string;
  readonly created_at: string;
  readonly revoked_at: string | null;
}

await tool("token", async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { ...WHERE_OPTIONS, scope: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true || positionals.length === 0) return HELP;
  const [action, subject, ...more] = positionals;
  if (more.length > 0) throw new StackError(`"${more[0]}" is one word too many; put a name of several words in quotes`);
  const run = commandFor(action, subject, values.scope);
  return run(ticktownAt(values).api);
});

function commandFor(
  action: string | undefined,
  subject: string | undefined,
  scope = "operate",
): (api: ApiClient) => Promise<string> {
  if (action === "list" && subject === undefined) return list;
  if (action === "add" && subject !== undefined) {
    return async (api) => {
      const { id, token } = await api.call<OperatorToken & { token: string }>("POST", "/api/operator-tokens", {
        name: subject,
        scope,
      });
      process.stderr.write(`ticktown: token ${id} of ${subject} is good for ${scope}; it is shown only now:\n`);
      return token;
    };
  }
  if (action === "revoke" && subject !== undefined) {
    return async (api) => {
      await api.call("DELETE", `/api/operator-tokens/${encodeURIComponent(subject)}`);
      return `${subject} is revoked`;
    };
  }
  throw new StackError("say `add NAME`, `list` or `revoke ID`; npm run token -- --help tells more");
}

async function list(api: ApiClient): Promise<string> {
  const tokens = await api.call<OperatorToken[]>("GET", "/api/operator-tokens");
  if (tokens.length === 0) return "There are no tokens but the first operator's own.";
  return tokens
    .map(({ id, name, scope, created_at, revoked_at }) =>
      [
        id,
        (scope ?? "admin").padEnd(7),
        created_at.slice(0, 10),
        revoked_at === null ? "live   " : "revoked",
        name,
      ].join("  "),
    )
    .join("\n");
}
