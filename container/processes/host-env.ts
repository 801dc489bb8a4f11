/** The allow-lists: what of the host's environment a child may see. Everything else stays with the control server. */

import { MARK } from "./marks.ts";

const FOR_AGENTS = [
  "PATH",
  "HOME",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
  "USER",
  "LOGNAME",
  "SHELL",
  "TERM",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
] as const;

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"] as const;

/** Our own git also needs the host's ways to reach and log in to a remote. */
const FOR_GIT = [MARK, "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", ...PROXIES] as const;

type HostEnv = Readonly<Record<string, string | undefined>>;

/** @param more names beside the list */
export function hostEnvForAgents(host: HostEnv, more: readonly string[] = []): Record<string, string> {
  return pick(host, [...FOR_AGENTS, ...more]);
}

export function hostEnvForGit(host: HostEnv): Record<string, string> {
  return pick(host, [...FOR_AGENTS, ...FOR_GIT]);
}

/** By which this server itself reaches others. */
export function proxiesOf(host: HostEnv): Record<string, string> {
  return pick(host, PROXIES);
}

function pick(host: HostEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (host[name] === undefined ? [] : [[name, host[name]]])));
}
