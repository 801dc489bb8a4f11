/** What a gitUrl may be, and which credentials go with it. */
import { Refusal } from "../refusal.ts";

export interface Remote {
  /** Without credentials: this is what git, its config and our messages see. */
  readonly url: string;
  /** Credentials for an http(s) remote: from GIT_TOKEN, or from the URL itself. null: the remote wants none, or it is ssh. */
  readonly credentials: { readonly username: string; readonly token: string } | null;
  /** `https://host[:port]`, the only place where the credentials may go. null for other transports. */
  readonly origin: string | null;
}

/** The user that GitHub, GitLab and others expect beside a token. */
const DEFAULT_USERNAME = "x-access-token";
const SCP_LIKE = /^([A-Za-z0-9_.-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^\s]+$/;
const URL_LIKE = /^(ssh|git|file):\/\/[^\s-][^\s]*$/;
const CONTROL_CHARACTERS = /\p{Cc}/u;

/** @throws Refusal 400 git_url_refused for anything that is not plainly a repository. */
export function parseRemote(gitUrl: string, envVars: Readonly<Record<string, string>>): Remote {
  const refused = (why: string): Refusal =>
    new Refusal(
      400,
      "git_url_refused",
      `gitUrl ${why}; use https://, ssh://, git://, file://, user@host:path or an absolute path`,
    );

  if (gitUrl.startsWith("-")) throw refused("begins with -, which git would take for an option");
  if (CONTROL_CHARACTERS.test(gitUrl)) throw refused("contains control characters");
  // `ext::sh -c ...` and its like let a URL run a program.
  if (/^[A-Za-z0-9+.-]+::/.test(gitUrl)) throw refused("names a remote helper");

  if (/^https?:\/\//i.test(gitUrl)) return parseHttp(gitUrl, envVars, refused);
  if (gitUrl.startsWith("/") || URL_LIKE.test(gitUrl) || SCP_LIKE.test(gitUrl)) {
    return { url: gitUrl, credentials: null, origin: null };
  }
  throw refused("is not a remote that Ticktown knows");
}

function parseHttp(
  gitUrl: string,
  envVars: Readonly<Record<string, string>>,
  refused: (why: string) => Refusal,
): Remote {
  const url = URL.parse(gitUrl);
  if (url === null) throw refused("is not a valid URL");
  const inUrl = { username: decodeURIComponent(url.username), token: decodeURIComponent(url.password) };
  url.username = "";
  url.password = "";
  const token = envVars["GIT_TOKEN"] || inUrl.token || inUrl.username;
  const username = envVars["GIT_USERNAME"] || (inUrl.token && inUrl.username) || DEFAULT_USERNAME;
  return { url: url.href, credentials: token ? { username, token } : null, origin: url.origin };
}

/** @returns who is asked for it; null: this machine itself */
export function hostOf({ url }: Remote): string | null {
  if (url.startsWith("/") || url.startsWith("file:")) return null;
  if (SCP_LIKE.test(url)) return url.slice(url.indexOf("@") + 1, url.indexOf(":")).toLowerCase();
  return URL.parse(url)?.host ?? url;
}
