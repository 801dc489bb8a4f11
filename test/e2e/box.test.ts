/** A person's machine: the coding agent was installed in the home by nvm and npm, the repository lies in the home, and so does all of Ticktown's. */
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { PROJECT } from "../../scripts/stack/project.ts";
import { ready, run, temporaryDir, tokenIn, until } from "./support.ts";

const home = temporaryDir();
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** As `nvm install` and `npm install --global` leave them. @returns the folder for the PATH */
function installCodex(): string {
  const version = path.join(home, ".nvm", "versions", "node", "v24.9.0");
  const [bin, folder] = [path.join(version, "bin"), path.join(version, "lib", "node_modules", "@openai", "codex")];
  for (const dir of [bin, path.join(folder, "bin")]) mkdirSync(dir, { recursive: true });
  copyFileSync(process.execPath, path.join(bin, "node"));
  copyFileSync(path.join(PROJECT, "test", "container", "drivers", "program.mjs"), path.join(folder, "program.mjs"));
  const main = `#!/usr/bin/env node
if (process.argv.includes("--version")) console.log("codex-cli 0.169.0");
else {
  process.argv.splice(2, 0, "codex");
  await import("../program.mjs");
}
`;
  writeFileSync(path.join(folder, "bin", "codex.mjs"), main, { mode: 0o755 });
  symlinkSync("../lib/node_modules/@openai/codex/bin/codex.mjs", path.join(bin, "codex"));
  return bin;
}

/** Where it finds Ticktown's tools: what it would do with them, a shell does here. */
const OF_CONFIG = (name: string): string => `$(sed -n 's/^${name} = "\\(.*\\)"/\\1/p' "$CODEX_HOME/config.toml")`;
const DONE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: "gt_done", arguments: { summary: "looked around" } },
});

test("a preset that was installed in the home, with its repository there: in the box, without a network, its work is merged, and its receipt says so", async () => {
  writeFileSync(path.join(home, ".secret"), "of the operator");
  const repository = makeRepository(home);
  const state = path.join(home, "state");
  const work = [
    `{ ls -A '${home}'; cat '${home}/.secret' 2>&1; ls '${repository.origin}' 2>&1; } > SEEN.txt`,
    "git add SEEN.txt && git commit --quiet -m 'Look around'",
    `curl -s -X POST -H "authorization: Bearer ${OF_CONFIG("experimental_bearer_token")}" -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -d '${DONE}' ${OF_CONFIG("url")}`,
  ];
  const started = run(
    "start.ts",
    ["--port", "0", "--state", state, "--repo", repository.origin, "--agent", "codex"].concat([
      "--box",
      "bwrap",
      "--box-network",
      "gateway",
      "--check",
      "test -s SEEN.txt",
    ]),
    {
      HOME: home,
      PATH: `${installCodex()}:${process.env["PATH"]}`,
      OPENAI_API_KEY: "sk-no-model-is-asked",
      AGENT_PASS: "FAKE_SHELL",
      FAKE_SHELL: work.join("\n"),
    },
  );
  const url = await ready(started);
  const rigId = /rig (rig-\S+)/.exec(started.stderr())?.[1] ?? "";
  const headers = { authorization: `Bearer ${tokenIn(state)}`, "content-type": "application/json" };
  const call = async (to: string, body?: object): Promise<Response> =>
    fetch(`${url}/api/rigs/${rigId}${to}`, {
      headers,
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });
  const { data } = (await (await call("/sling", { title: "Look", body: "Look around" })).json()) as {
    data: { bead: Bead };
  };
  await until("its work is merged", async () => {
    const bead = ((await (await call(`/beads/${data.bead.id}`)).json()) as { data: Bead }).data;
    return bead.status === "closed";
  });
  const seen = repository.git("show", "main:SEEN.txt");
  expect(seen).not.toContain("of the operator");
  expect(seen).not.toContain("objects");
  expect(seen.split("\n").filter((name) => name.startsWith("."))).toEqual([".nvm"]);
  const receipt = (await (await call("/export")).text()).split("\n").find((line) => line.includes('"review.checked"'));
  expect(JSON.parse(receipt ?? "{}")).toMatchObject({
    body: { boxed: true, box: "agents in a box (bwrap) without a network, checks in a box (bwrap)" },
  });
  expect(started.stderr()).toMatch(
    /each agent(, a user of its own,)? is in a box \(bwrap\) with no network but Ticktown; at most memory \d+/,
  );
  started.process.kill("SIGTERM");
  expect(await started.exited).toBe(0);
});
