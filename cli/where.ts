/** Which Ticktown is spoken to: as the command line says, the environment, the folder one stands in, or the last `ticktown login`. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { readPrivateJson, writePrivateJson } from "../container/files.ts";
import { StackError } from "../scripts/stack/errors.ts";
import { runningOn } from "../scripts/stack/state.ts";
import { Failure } from "./exits.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface Where {
  readonly url: string;
  readonly token: string;
}

/** What the command line said. */
export interface Named {
  readonly state?: string | undefined;
  readonly url?: string | undefined;
}

export const STATE = ".ticktown";
const TOKEN = "TICKTOWN_OPERATOR_TOKEN";

/** Where `login` keeps its address and token: readable by their owner only. */
export const loginFile = (env: Env): string =>
  path.join(env["XDG_CONFIG_HOME"] || path.join(env["HOME"] || homedir(), ".config"), "ticktown", "login.json");

/** @throws Failure when it is no http:// or https:// URL @returns its origin */
export function originOf(typed: string, what: string): string {
  const url = URL.parse(typed);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Failure("misuse", `${what} is "${typed}"; it must be an http:// or https:// URL`);
  return url.origin;
}

/** The state folder: as it was named, or the nearest from here upwards, or where one would be made. */
export function stateFolder(named: string | undefined, from: string): string {
  if (named !== undefined && named !== "") return path.resolve(from, named);
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, STATE))) return path.join(folder, STATE);
    if (folder === path.dirname(folder)) return path.resolve(from, STATE);
  }
}

export function keepLogin(env: Env, where: Where): string {
  const file = loginFile(env);
  writePrivateJson(file, where);
  return file;
}

function loginIn(env: Env): Where | null {
  const file = loginFile(env);
  if (!existsSync(file)) return null;
  try {
    const { url, token } = readPrivateJson(file) as Partial<Where>;
    if (typeof url === "string" && typeof token === "string") return { url, token };
  } catch {
    // Said below, as one that says nothing.
  }
  throw new Failure("misuse", `${file} cannot be read; \`ticktown login\` makes it anew`);
}

function withToken(url: string, env: Env): Where {
  const login = loginIn(env);
  const token = env[TOKEN] || (login?.url === url ? login.token : "");
  if (token === "")
    throw new Failure(
      "forbidden",
      `a token for ${url} is needed: \`ticktown login ${url}\`, or the environment variable ${TOKEN}`,
    );
  return { url, token };
}

/** @throws Failure when none answers there, or there is no token for it */
export function whereIs(named: Named, env: Env, from: string): Where {
  if (named.url !== undefined) return withToken(originOf(named.url, "--url"), env);
  if (named.state === undefined && env["TICKTOWN_URL"])
    return withToken(originOf(env["TICKTOWN_URL"], "TICKTOWN_URL"), env);
  try {
    return runningOn(stateFolder(named.state, from));
  } catch (error) {
    const login = named.state === undefined ? loginIn(env) : null;
    if (login !== null) return login;
    throw error instanceof StackError ? new Failure("unreachable", error.message) : error;
  }
}
