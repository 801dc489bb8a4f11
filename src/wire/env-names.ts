/**
 * Which environment variables a start may not bring along: those that make a program load code, run another program, or talk to
 * somebody else than it says. A rig's own secrets may have any name: they were set by whoever may run anything in it.
 */

/** Says by what a process is found again. */
const RESERVED = /^TICKTOWN_MARK$/;

/**
 * Whether a variable is one of the protocol, which says to a process who it is, what it shall do, and where it reports. Each
 * start sets them; no rig has a secret of such a name, and one that an older Ticktown took reaches no process.
 */
export const isProtocolName = (name: string): boolean => /^(TICKTOWN|GASTOWN)_/.test(name);

/** Whether a variable in a start's `envVars` would say of a process what the start itself says. The others the rig sends there. */
export const isSaidByStart = (name: string): boolean => /^TICKTOWN_|^GASTOWN_(AGENT|RIG|TOWN)_ID$/.test(name);

const DANGEROUS: readonly { readonly names: RegExp; readonly why: string }[] = [
  {
    names:
      /^(PATH|SHELL|IFS|CDPATH|FPATH|BASH_.*|ENV|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|ZDOTDIR|INPUTRC|HOME|TMPDIR|XDG_(CONFIG|DATA)_(HOME|DIRS))$/,
    why: "decides which programs and which settings a shell takes",
  },
  { names: /^(LD|DYLD)_|^(GCONV_PATH|LOCPATH|NLSPATH|GLIBC_TUNABLES)$/, why: "makes every program load foreign code" },
  {
    names:
      /^NODE_(OPTIONS|PATH|REPL_EXTERNAL_MODULE|V8_COVERAGE|COMPILE_CACHE)$|^(npm_config|npm_package|npm_node|YARN|PNPM|COREPACK|BUN|DENO)_/i,
    why: "makes node or its package managers load foreign code",
  },
  {
    names:
      /^(PYTHON|PYENV_|VIRTUAL_ENV$|PIP_|UV_|POETRY_|PERL|RUBY|RBENV_|GEM_|BUNDLE_|PHP|LUA_|R_(LIBS|HOME|PROFILE|ENVIRON)|JULIA_|GUILE_|ERL_|ELIXIR_|TCLLIBPATH|EMACSLOADPATH)/,
    why: "makes an interpreter load foreign code",
  },
  {
    names:
      /^(JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|JAVA_HOME|MAVEN_.*|GRADLE_.*|DOTNET_.*|CORECLR_.*|COR_.*|RUSTC.*|RUSTUP_.*|CARGO_(?!REGISTRY_TOKEN$).*|GO(FLAGS|ROOT|PATH|BIN|ENV|PROXY|SUMDB|NOSUMDB|INSECURE|TOOLCHAIN)|CC|CXX|LDFLAGS|MAKEFLAGS|MAKEFILES)$/,
    why: "makes a toolchain load foreign code",
  },
  {
    names: /^GIT_(?!(TOKEN|USERNAME|AUTHOR_(NAME|EMAIL|DATE)|COMMITTER_(NAME|EMAIL|DATE))$)/,
    why: "changes what git runs and where it pushes",
  },
  {
    names:
      /^(EDITOR|VISUAL|FCEDIT|VIMINIT|EXINIT|PAGER|MANPAGER|BROWSER|LESS|LESSOPEN|LESSCLOSE|SSH_ASKPASS|SUDO_ASKPASS|SSH_AUTH_SOCK|HGRCPATH|TAR_OPTIONS)$/,
    why: "is a program that others run",
  },
  { names: /^((HTTPS?|FTP|ALL|NO)_PROXY)$/i, why: "sends what is said on the network to somebody else" },
  {
    names:
      /^(SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|CURL_(HOME|CA_BUNDLE)|REQUESTS_CA_BUNDLE|OPENSSL_(CONF|MODULES|ENGINES))$/,
    why: "decides whom the network is believed",
  },
];

export interface RefusedName {
  readonly name: string;
  readonly why: string;
}

/** The first variable that a start may not set, or null. @param own names that are the rig's own secrets */
export function refusedName(
  envVars: Readonly<Record<string, string>>,
  own: readonly string[] = [],
): RefusedName | null {
  for (const name of Object.keys(envVars)) {
    if (RESERVED.test(name)) return { name, why: "is set by the control server alone" };
    const rule = own.includes(name) ? undefined : DANGEROUS.find(({ names }) => names.test(name));
    if (rule !== undefined) return { name, why: rule.why };
  }
  return null;
}

/** The refusal in words. */
export function refusalOf({ name, why }: RefusedName): string {
  return `envVars may not set ${name}, which ${why}; nothing was started. Leave it out, or make it a secret of the rig`;
}
