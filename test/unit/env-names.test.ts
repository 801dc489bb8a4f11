import { expect, test } from "vitest";
import { isProtocolName, isSaidByStart, refusalOf, refusedName } from "../../src/wire/env-names.ts";

const DANGEROUS =
  "PATH LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES NODE_OPTIONS NODE_PATH BASH_ENV ENV SHELLOPTS HOME XDG_CONFIG_HOME " +
  "PYTHONPATH PYTHONSTARTUP PERL5OPT PERL5LIB RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS CLASSPATH npm_config_script_shell " +
  "GIT_SSH_COMMAND GIT_SSH GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_ASKPASS GIT_DIR GIT_PROXY_COMMAND " +
  "BASH_FUNC_git BASH_LOADABLES_PATH RUBYSHELL RUBYGEMS_GEMDEPS PERL_MB_OPT PERLLIB PIP_INDEX_URL UV_INDEX_URL YARN_RC_FILENAME BUN_INSTALL GIT_CONFIG_PARAMETERS " +
  "RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC GOPROXY GOTOOLCHAIN MAKEFLAGS CC JAVA_HOME TMPDIR LD_AUDIT DYLD_LIBRARY_PATH GIT_WORK_TREE GIT_TEMPLATE_DIR VIMINIT " +
  "EDITOR PAGER SSH_ASKPASS HTTP_PROXY https_proxy ALL_PROXY NODE_EXTRA_CA_CERTS SSL_CERT_FILE OPENSSL_CONF";
const HARMLESS =
  "GIT_TOKEN GIT_USERNAME GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL GASTOWN_API_URL GASTOWN_SESSION_TOKEN KILOCODE_TOKEN OPENAI_API_KEY MY_PATH " +
  "CARGO_REGISTRY_TOKEN NPM_TOKEN GITHUB_TOKEN PORT DEBUG CI REQUEST_ID GOOGLE_API_KEY R2_KEY R_SERVICE_KEY PATHS ENVOY HOMEPAGE " +
  "MODEL NODE_ENV ENVIRONMENT LANG TERM TICKTOWN_PROMPT OLD_NAME";

test.each(DANGEROUS.split(" "))("a start may not set %s, unless the rig calls it its own", (name) => {
  const refused = refusedName({ FINE: "1", [name]: "x" });
  expect(refused?.name).toBe(name);
  expect(refused && refusalOf(refused)).toContain(`may not set ${name}, which `);
  expect(refusedName({ [name]: "x" }, [name])).toBe(null);
  expect(refusedName({ [name]: "x" }, ["ANOTHER"])?.name).toBe(name);
});

test("what agents and plug-ins are given today is not refused", () => {
  for (const name of HARMLESS.split(" ")) expect(refusedName({ [name]: "x" }), name).toBe(null);
});

test("what a start says of its process is known by its name: not the two that a rig sends, nor what only looks alike", () => {
  const protocol =
    "TICKTOWN_DISPATCH_ID TICKTOWN_BRANCH TICKTOWN_ANYTHING GASTOWN_AGENT_ID GASTOWN_RIG_ID GASTOWN_TOWN_ID";
  for (const name of protocol.split(" "))
    expect([name, isProtocolName(name), isSaidByStart(name)]).toEqual([name, true, true]);
  for (const name of ["GASTOWN_API_URL", "GASTOWN_SESSION_TOKEN"])
    expect([name, isProtocolName(name), isSaidByStart(name)]).toEqual([name, true, false]);
  for (const name of ["MY_TICKTOWN_ID", "GASTOWN", "TICKTOWNS", "GIT_TOKEN"])
    expect([name, isProtocolName(name), isSaidByStart(name)]).toEqual([name, false, false]);
});

test("the mark of a process is nobody's own", () => {
  expect(refusedName({ TICKTOWN_MARK: "x" }, ["TICKTOWN_MARK"])?.name).toBe("TICKTOWN_MARK");
});
