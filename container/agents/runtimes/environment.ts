/** The environment of a coding agent that is spoken with: nothing in it is worth anything to who reads it in a shell of its tools. */
import type { Config } from "../../config.ts";
import type { Provider } from "../door/upstreams.ts";
import type { ModelDoor, Runtime, RuntimePlan } from "./runtime.ts";
import { RUNTIMES } from "./runtimes.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What is said in the conversation, or by the control server in its place. */
const NOT_ITS_OWN = [
  "GASTOWN_SESSION_TOKEN",
  "GIT_TOKEN",
  "GIT_USERNAME",
  "TICKTOWN_PROMPT",
  "TICKTOWN_SYSTEM_PROMPT",
] as const;

/** Every name by which a key of a model, or the address of one, is known to a program here. */
const KEYS: ReadonlySet<string> = new Set(RUNTIMES.flatMap(({ keys }) => keys));

/** Keys that no gateway stands for: of a provider that it does not know. */
const BESIDE_THE_DOOR: ReadonlySet<string> = new Set(["OPENROUTER_API_KEY"]);

/** Whose key a variable is, by how its name begins. */
const PROVIDER_OF: readonly (readonly [string, Provider])[] = [
  ["ANTHROPIC_", "anthropic"],
  ["OPENAI_", "openai"],
  ["CODEX_", "openai"],
  ["GEMINI_", "gemini"],
  ["GOOGLE_", "gemini"],
];

const providerOf = (name: string): Provider | undefined => PROVIDER_OF.find(([prefix]) => name.startsWith(prefix))?.[1];

/** The door has that provider's key: a program with several providers needs none of them in its environment. */
function isAtDoor(name: string, door: ModelDoor | null): boolean {
  const provider = providerOf(name);
  return provider !== undefined && door?.hasKey(provider) === true;
}

export interface AgentEnvironment {
  readonly env: Record<string, string>;
  /** Values in it that must not be printed. */
  readonly secrets: readonly string[];
}

/** What of the control server's own environment is meant for agents. */
export type Host = Pick<Config, "hostEnv" | "agentPass">;

/**
 * @param given what a plain command would get
 * @param host the control server's own environment, of which the program sees its keys where no gateway has them
 */
export function environmentFor(
  given: Readonly<Record<string, string>>,
  host: Host,
  runtime: Runtime,
  plan: RuntimePlan,
  door: ModelDoor | null,
  home: string,
): AgentEnvironment {
  const passed = new Set(runtime.takesPassed ? host.agentPass.filter((name) => KEYS.has(name)) : []);
  const isHidden = (name: string): boolean =>
    KEYS.has(name) && !passed.has(name) && (!runtime.takesPassed || isAtDoor(name, door));
  const hidden = new Set<string>(NOT_ITS_OWN);
  const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !hidden.has(name) && !isHidden(name)));
  const throughDoor = door?.hasKey(runtime.provider) === true;
  const keys = runtime.keys
    .filter((name) => BESIDE_THE_DOOR.has(name) || !(throughDoor || isAtDoor(name, door)))
    .flatMap((name) => {
      const value = given[name] ?? host.hostEnv[name];
      return value === undefined || value === "" ? [] : [[name, value] as const];
    });
  return {
    env: { ...kept, ...Object.fromEntries(keys), ...withoutProvidersOf(passed, plan.env), HOME: home },
    secrets: [
      ...keys.flatMap(([name, value]) => (name.endsWith("URL") ? [] : [value])),
      ...(door === null ? [] : [door.token]),
    ],
  };
}

/** Whose key is passed as it is, of whom the gateway's address would be another one's. */
function withoutProvidersOf(passed: ReadonlySet<string>, env: RuntimePlan["env"]): Record<string, string> {
  const own = new Set([...passed].map(providerOf));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !KEYS.has(name) || !own.has(providerOf(name))));
}

/** Whether it has something of its own to be let in with: then no login of a person is needed. */
export const hasOwnKey = (runtime: Runtime, given: Env, host: Env): boolean =>
  runtime.keys.some((name) => !name.endsWith("URL") && (given[name] ?? host[name] ?? "") !== "");
