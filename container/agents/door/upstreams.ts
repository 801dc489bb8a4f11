/** Where the models of an agent are, and the key of each: the rig's own, else this server's. Neither is ever near the agent. */

/** Whose API it is; the base URL of a CLI names it. */
export type Provider = "anthropic" | "openai" | "gemini";

export interface Upstream {
  /** What the API's paths are put behind; without a slash at its end. */
  readonly baseUrl: string;
  /** null: there is none, and a request is answered as one that is not authorized. */
  readonly key: string | null;
  /** The name of the variable that the key is from, or that it is missed in. */
  readonly keyName: string;
  readonly auth: "x-api-key" | "bearer" | "x-goog-api-key";
}

export type Upstreams = Readonly<Partial<Record<Provider, Upstream>>>;

type Env = Readonly<Record<string, string | undefined>>;

interface Names {
  /** In the order in which they are looked for. */
  readonly keys: readonly { readonly name: string; readonly auth: Upstream["auth"] }[];
  readonly address: string;
  readonly usual: string;
}

const NAMES: Readonly<Record<Provider, Names>> = {
  anthropic: {
    keys: [
      { name: "ANTHROPIC_API_KEY", auth: "x-api-key" },
      { name: "ANTHROPIC_AUTH_TOKEN", auth: "bearer" },
    ],
    address: "ANTHROPIC_BASE_URL",
    usual: "https://api.anthropic.com",
  },
  openai: {
    keys: [
      { name: "CODEX_API_KEY", auth: "bearer" },
      { name: "OPENAI_API_KEY", auth: "bearer" },
    ],
    address: "OPENAI_BASE_URL",
    usual: "https://api.openai.com/v1",
  },
  gemini: {
    keys: [
      { name: "GEMINI_API_KEY", auth: "x-goog-api-key" },
      { name: "GOOGLE_API_KEY", auth: "x-goog-api-key" },
    ],
    address: "GOOGLE_GEMINI_BASE_URL",
    usual: "https://generativelanguage.googleapis.com",
  },
};

export const PROVIDERS = Object.keys(NAMES) as readonly Provider[];

/** Other names under which a CLI would take a key, a login or an address from its environment. */
const ALSO = [
  "ANTHROPIC_CUSTOM_HEADERS",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "OPENAI_API_BASE",
  "OPENAI_ORGANIZATION",
  "OPENAI_PROJECT",
  "CODEX_ACCESS_TOKEN",
  "GOOGLE_VERTEX_BASE_URL",
];

/** Every variable that says a key of a model, or where a model is. */
export const MODEL_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.values(NAMES).flatMap(({ keys, address }) => [address, ...keys.map(({ name }) => name)]),
  ...ALSO,
]);

/**
 * One for each provider; `key` is null where neither has one. An address of the rig's is used with a key of the rig's only:
 * whoever may set a secret of a rig must not be sent this server's key.
 */
export function upstreamsOf(hostEnv: Env, rigVars: Env): Upstreams {
  return Object.fromEntries(PROVIDERS.map((provider) => [provider, upstreamOf(NAMES[provider], hostEnv, rigVars)]));
}

function upstreamOf(names: Names, hostEnv: Env, rigVars: Env): Upstream {
  const own = found(names, rigVars) ?? found(names, hostEnv);
  const { name, auth } = own ?? (names.keys[0] as Names["keys"][number]);
  const said = own?.from === undefined ? undefined : own.from[names.address];
  return { baseUrl: addressOf(said) ?? names.usual, key: own?.from[name]?.trim() ?? null, keyName: name, auth };
}

function found({ keys }: Names, from: Env): { name: string; auth: Upstream["auth"]; from: Env } | null {
  const key = keys.find(({ name }) => isHeaderValue(from[name]?.trim()));
  return key === undefined ? null : { ...key, from };
}

/** Anything else cannot be sent as a header. */
const isHeaderValue = (text: string | undefined): boolean => text !== undefined && /^[\x21-\x7e]+$/.test(text);

/** @returns null for what is no http address, or carries a login, a query or a fragment */
function addressOf(text: string | undefined): string | null {
  if (text === undefined || !URL.canParse(text.trim())) return null;
  const url = new URL(text.trim());
  const isPlain = url.username + url.password + url.search + url.hash === "";
  return /^https?:$/.test(url.protocol) && isPlain ? url.href.replace(/\/+$/, "") : null;
}

/** The environment without any variable that says a key of a model, or where a model is. */
export function withoutModelKeys(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !MODEL_VARIABLES.has(name)));
}
