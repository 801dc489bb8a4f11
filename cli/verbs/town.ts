/** Verbs about a Ticktown as a whole: to start, to stop, to be let in. */
import { setTimeout as sleep } from "node:timers/promises";
import { examine, lineOf } from "../../scripts/stack/doctor.ts";
import { linkToBoard } from "../../scripts/stack/link.ts";
import { serve, serveOptionsOf } from "../../scripts/stack/serve.ts";
import { BOXES, NETWORKS } from "../../scripts/stack/agents-box.ts";
import { messageOf } from "../../scripts/stack/errors.ts";
import { type ApiClient, createApiClient } from "../../scripts/stack/api-client.ts";
import { holderOf } from "../../scripts/stack/state.ts";
import { type Context, inWords } from "../context.ts";
import { allNeeds } from "../needs.ts";
import { Failure } from "../exits.ts";
import { rigPath } from "../find.ts";
import { oneLine, plural } from "../text.ts";
import { keepLogin, originOf, stateFolder } from "../where.ts";
import { verb } from "../verb.ts";

export const up = verb({
  name: "up",
  about: "start a Ticktown on this machine, until Ctrl-C",
  more: `When the API answers, one line \`ready http://127.0.0.1:PORT\` is printed on stdout; all else goes to stderr.
Everything is kept in the folder that --state names (./.ticktown). SIGINT or SIGTERM stops everything that was started; what was begun
goes on with the next start. GASTOWN_JWT_SECRET and TICKTOWN_OPERATOR_TOKEN in the environment replace what is made up otherwise.`,
  effect: "changes",
  atTerminal: "it runs until it is stopped",
  isLocal: true,
  examples: [
    "up --repo ../my-project --agent claude",
    `up --repo ../my-project --agent "sh ../agent.sh" --check "npm test"`,
  ],
  args: {},
  options: {
    port: { type: "text", about: "where the API listens on 127.0.0.1 (8787; 0 takes a free port)", value: "NUMBER" },
    host: {
      type: "texts",
      about: "another name under which the API may be asked for, such as a proxy's; may be given again",
      value: "NAME",
    },
    container: {
      type: "text",
      about:
        "use a control server that is already running instead of starting one (its token, if it has one, in the environment variable CONTROL_TOKEN)",
      value: "URL",
    },
    repo: {
      type: "text",
      about:
        "create a town and a rig for this git repository, or find the rig it has (a private one's token in the environment variable TICKTOWN_REPO_TOKEN)",
      value: "PATH_OR_URL",
    },
    target: { type: "text", about: "merge into this branch of it instead of its default branch", value: "BRANCH" },
    updateInstead: {
      type: "flag",
      about: "let merges update the files of a local repository whose target is checked out",
    },
    setup: {
      type: "text",
      about: 'what a clone needs before anybody can work in it, such as "npm ci"; a setting of the rig',
      value: "COMMAND",
    },
    check: {
      type: "texts",
      about:
        'what must end with 0 on the merged files before anything is pushed, such as "npm test"; may be given again; a setting of the rig, in place of the checks it has',
      value: "COMMAND",
    },
    agent: {
      type: "text",
      about:
        "what to run as an agent: claude, codex, opencode, kilo or gemini, acp: and the command of any other agent that speaks ACP, or any command, which is run by sh -c in its clone (without it a demo agent without a model)",
      value: "NAME",
    },
    ask: { type: "flag", about: "a coding agent by name asks a person before it does what it would ask its user for" },
    messages: {
      type: "flag",
      about: "that command reads messages, one line of JSON each, on its stdin, which is empty otherwise",
    },
    box: {
      type: "text",
      about:
        "keep each agent in a box of its own: auto (the default: where bubblewrap works), bwrap (or do not start), none",
      value: BOXES.join("|"),
    },
    boxNetwork: {
      type: "text",
      about:
        "what an agent reaches from its box: open (the default: what this machine does), or gateway: Ticktown's API, and a coding agent by name its model and Ticktown's tools, and nothing else",
      value: NETWORKS.join("|"),
    },
  },
  run: async (input, { cwd, globals }) => {
    let options;
    try {
      options = serveOptionsOf({ ...input, state: globals.state }, cwd);
    } catch (error) {
      throw new Failure("misuse", messageOf(error));
    }
    await serve(options);
    return { data: null, text: "" };
  },
});

const DOWN_MS = 60_000;
const POLL_MS = 100;

export const down = verb({
  name: "down",
  about: "stop the Ticktown of a state folder, as Ctrl-C where it runs does; agents hand their work back first",
  effect: "changes",
  atTerminal: "it ends what its own tools speak to",
  isLocal: true,
  args: {},
  options: {},
  run: async (_, { globals, cwd, say }) => {
    const dir = stateFolder(globals.state, cwd);
    const holder = holderOf(dir);
    if (holder === null) throw new Failure("unreachable", `no Ticktown runs on ${dir}`);
    process.kill(holder.pid, "SIGTERM");
    say(`the Ticktown with pid ${holder.pid} is asked to stop`);
    const deadline = Date.now() + DOWN_MS;
    while (holderOf(dir)?.pid === holder.pid) {
      if (Date.now() > deadline)
        throw new Failure("refused", `it still runs after ${DOWN_MS / 1_000} s; its own terminal says why`);
      await sleep(POLL_MS);
    }
    return { data: { pid: holder.pid, stopped: true }, text: "it has stopped" };
  },
});

interface Health {
  readonly life: string;
  readonly gate: string;
  readonly container: string;
  readonly counts: Readonly<Record<"agents" | "beads" | "reviews", Readonly<Record<string, number>>>>;
  readonly violations: readonly string[];
}

const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([state, count]) => `${count} ${state.replace("_", " ")}`)
    .join(", ") || "none";

export const status = verb({
  name: "status",
  about: "each rig in a few lines: whether it runs, its work, its agents, and how many needs there are",
  effect: "reads",
  args: {},
  options: {},
  run: async (_, context) => {
    const rigs = await context.find.rigs();
    const [healths, needs] = await Promise.all([
      Promise.all(rigs.map((rig) => context.api.call<Health>("GET", rigPath(rig, "/health")))),
      allNeeds(context),
    ]);
    const found = rigs.map((rig, n) => {
      const ofRig = needs.filter((one) => one.rig === rig && one.need.level !== "know");
      return {
        rig,
        health: healths[n] as Health,
        needs: ofRig.length,
        now: ofRig.filter(({ need }) => need.level === "now").length,
      };
    });
    const text = found.map(({ rig, health: { life, gate, container, counts, violations }, needs, now }) =>
      [
        `${rig.name}: ${life.replace("alive.", "")}, dispatch ${gate}, container ${container}`,
        `  work    ${counted(counts.beads)}`,
        `  agents  ${counted(counts.agents)}`,
        `  needs   ${needs === 0 ? "nobody" : `${plural(needs, "need")}, ${now} of them now: ticktown needs`}`,
        ...violations.map((line) => `  VIOLATED ${oneLine(line)}`),
      ].join("\n"),
    );
    return {
      data: found.map(({ rig, health, needs, now }) => ({ rig, health, needs, needs_now: now })),
      text: [context.where().url, ...(text.length === 0 ? ["no rig yet: `ticktown rig add PATH_OR_URL`"] : text)].join(
        "\n",
      ),
    };
  },
});

export const doctor = verb({
  name: "doctor",
  about: "what this machine has of what Ticktown needs; exit 1 when something is missing without which it cannot work",
  effect: "reads",
  isLocal: true,
  args: {},
  options: {
    agent: { type: "text", about: "look for this one only, as `up --agent` takes it", value: "NAME" },
    container: { type: "text", about: "look also at this control server, as `up --container` takes it", value: "URL" },
  },
  run: async ({ agent, container = null }, { env, cwd, globals }) => {
    const findings = await examine({
      env,
      stateDir: stateFolder(globals.state, cwd),
      agent: agent ?? null,
      container,
      from: cwd,
    });
    const isMissing = findings.some(({ level }) => level === "missing");
    return { data: findings, text: findings.map(lineOf).join("\n"), exit: isMissing ? 1 : 0 };
  },
});

export const open = verb({
  name: "open",
  about: "a fresh link to the board, which is good once and for five minutes: whoever opens it first is let in",
  effect: "reads",
  atTerminal: "the link is a key",
  args: {},
  options: {},
  run: async (_, { api, where }) => {
    const link = await linkToBoard({ url: where().url, api });
    return { data: { link }, text: link };
  },
});

export const login = verb({
  name: "login",
  about: "remember a Ticktown elsewhere and a token for it, for all commands that name no other",
  more: `A link that \`ticktown open\` has printed is enough. Otherwise the token is read from TICKTOWN_OPERATOR_TOKEN, from stdin, or asked for on a
terminal. Both are kept in login.json in the folder ticktown of the user's configuration, readable by their owner only.`,
  effect: "changes",
  atTerminal: "a model is told no tokens",
  isLocal: true,
  examples: ["login https://ticktown.example < token.txt", "login 'http://127.0.0.1:8787/#code=...'"],
  args: { url: { about: "its address, or a link to its board" } },
  options: {},
  run: async ({ url: typed }, context) => {
    const url = originOf(typed, "the address");
    const code = /#code=([^&]+)/.exec(typed)?.[1];
    const token = code === undefined ? await typedToken(url, context) : await traded(url, code, context);
    const towns = await ask<unknown[]>(url, token, context, ["GET", context.userPath("/towns")]);
    if (!Array.isArray(towns)) throw new Failure("unreachable", `${url} does not answer as this version does`);
    const file = keepLogin(context.env, { url, token });
    return { data: { url, file, towns: towns.length }, text: `${url} takes the token; it is kept in ${file}` };
  },
});

async function typedToken(url: string, { env, stdin, ask }: Context): Promise<string> {
  const given = env["TICKTOWN_OPERATOR_TOKEN"] || (await stdin());
  const token = (given !== "" || ask === null ? given : await ask(`token for ${url}: `, { isSecret: true })).trim();
  if (token === "") throw new Failure("misuse", "give the token on stdin, or in TICKTOWN_OPERATOR_TOKEN");
  return token;
}

/** The token is one of its own, which ends when it was not used for 30 days. */
const traded = async (url: string, code: string, context: Context): Promise<string> =>
  (await ask<{ token: string }>(url, "", context, ["POST", "/api/session", { code: decoded(code) }])).token;

/** What is no code at all is refused as one that is not good. */
function decoded(code: string): string {
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}

/** Where nothing is remembered yet. */
const ask = <T>(url: string, token: string, { signal }: Context, what: Parameters<ApiClient["call"]>): Promise<T> =>
  createApiClient(url, token, undefined, signal)
    .call<T>(...what)
    .catch((error: unknown) => {
      throw inWords(error, url);
    });

interface OperatorToken {
  readonly id: string;
  readonly name: string;
  readonly scope?: string;
  readonly created_at: string;
  readonly revoked_at: string | null;
}

export const tokenAdd = verb({
  name: "token add",
  about: "make a token for somebody; it is shown only now",
  effect: "changes",
  atTerminal: "a model is told no tokens",
  args: { name: { about: "whose it is" } },
  options: {
    scope: {
      type: "text",
      about:
        "read: look at everything; operate: also act on rigs (the default); admin: also tokens, secrets and deletions",
      choices: ["read", "operate", "admin"],
    },
  },
  run: async ({ name, scope = "operate" }, { api, say }) => {
    const made = await api.call<OperatorToken & { token: string }>("POST", "/api/operator-tokens", { name, scope });
    say(`token ${made.id} of ${made.name} is good for ${scope}; it is shown only now:`);
    return { data: made, text: made.token };
  },
});

export const tokenLs = verb({
  name: "token ls",
  about: "the tokens that were made, without their text",
  effect: "reads",
  args: {},
  options: {},
  run: async (_, { api }) => {
    const tokens = await api.call<OperatorToken[]>("GET", "/api/operator-tokens");
    const text = tokens.map(({ id, name, scope, created_at, revoked_at }) =>
      [
        id,
        (scope ?? "admin").padEnd(7),
        created_at.slice(0, 10),
        revoked_at === null ? "live   " : "revoked",
        oneLine(name),
      ].join("  "),
    );
    return { data: tokens, text: text.join("\n") || "There are no tokens but the first operator's own." };
  },
});

export const tokenRevoke = verb({
  name: "token revoke",
  about: "end a token, and every browser that it let in",
  effect: "destroys",
  args: { id: { about: "as `token ls` prints it" } },
  options: {},
  run: async ({ id }, { api }) => {
    const done = await api.call("DELETE", `/api/operator-tokens/${encodeURIComponent(id)}`);
    return { data: done, text: `${id} is revoked` };
  },
});

export const TOWN = [up, down, status, doctor, open, login, tokenAdd, tokenLs, tokenRevoke];
