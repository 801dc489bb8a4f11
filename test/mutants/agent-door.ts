/** The mutants of the agents' door. Their tests are in test/container/door. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const DOOR = "container/agents/door/door.ts";
const FORWARD = "container/agents/door/forward.ts";
const HEADERS = "container/agents/door/headers.ts";
const PASS = "container/agents/door/pass.ts";
const ROUTES = "container/agents/door/routes.ts";
const TOOLS = "container/agents/door/tools.ts";
const UPSTREAMS = "container/agents/door/upstreams.ts";

export const AGENT_DOOR_MUTANTS: readonly Mutant[] = [
  mutant(
    "PASS-token",
    "models and tools are there for the token of a dispatch that runs, and for nothing else",
    "any token is the first dispatch's",
    edit(PASS, "(passes.get(keyOf(token)) ?? null)", "(passes.get(keyOf(token)) ?? [...passes.values()][0] ?? null)"),
  ),
  mutant(
    "PASS-ended",
    "a token is worth nothing once its dispatch is over",
    "it goes on",
    edit(DOOR, "() => passes.remove(pass),", "() => {},"),
  ),
  mutant(
    "PASS-own",
    "what a dispatch uses is counted as its own",
    "it is counted for whoever came first",
    edit(DOOR, "usage: pass.usage,", "usage: () => passes.all()[0]?.usage() ?? [],"),
  ),
  mutant(
    "PASS-host",
    "the door knows its own name, and answers no page",
    "whoever makes a name point here is answered",
    edit(DOOR, "if (isOurs(request, server)) serve(request, response);", "if (server) serve(request, response);"),
  ),
  mutant(
    "PASS-path",
    "only paths of the APIs reach a provider",
    "any path does, with the real key",
    edit(ROUTES, '"POST", /^\\/v1\\/messages$/', '"POST", /^\\/v1\\/.*$/'),
  ),
  mutant(
    "PASS-headers",
    "an agent does not say who it is, for whom, or what a connection is",
    "it does",
    edit(HEADERS, "!NOT_THEIRS.has(name) && ", ""),
  ),
  mutant(
    "PASS-cut",
    "half an answer does not look like a whole one",
    "it does, and the CLI goes on with it",
    edit(FORWARD, "if (!answer.complete) return cutOff();", ""),
    edit(FORWARD, "response.destroy(); finish(null); }; source.on", "response.end(() => finish(null)); }; source.on"),
  ),
  mutant(
    "PASS-flight",
    "one dispatch has so many requests with a model at once",
    "it has as many as it likes",
    edit(FORWARD, "pass.counts.models >= inFlight", "false"),
  ),
  mutant(
    "PASS-veil",
    "a key that a provider repeats does not reach the agent",
    "it does",
    edit(FORWARD, "response.write(veil.push(chunk))", "response.write(chunk)"),
  ),
  mutant(
    "PASS-redirect",
    "an answer that sends elsewhere is followed by nobody",
    "the CLI is sent there",
    edit(FORWARD, "status < 200 || (status >= 300 && status < 400)", "status < 200"),
  ),
  mutant(
    "PASS-refuses",
    "who may not ask is refused before anything is paid for",
    "nobody is asked",
    edit(FORWARD, "(pass.dispatch.mayAnswer?.(asked) ?? null)", "null"),
  ),
  mutant(
    "PASS-address",
    "an address that a rig says gets no key but the rig's own",
    "it is sent this server's key",
    edit(UPSTREAMS, "own.from[names.address]", "(rigVars[names.address] ?? own.from[names.address])"),
  ),
  mutant(
    "PASS-env",
    "no key of a model is in an agent's environment",
    "it is",
    edit(UPSTREAMS, "!MODEL_VARIABLES.has(name)", "true"),
  ),
  mutant(
    "PASS-loopback",
    "the door is on 127.0.0.1 alone",
    "it is on every address of the machine",
    edit(DOOR, '{ host: "127.0.0.1", port: 0 }', '{ host: "::", port: 0 }'),
  ),
  mutant(
    "PASS-rig",
    "the rig's token is in no answer of a tool",
    "what the rig says is passed on as it is",
    edit(TOOLS, "context.pass.dispatch.redact(text)", "text"),
  ),
];
