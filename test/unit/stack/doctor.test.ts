import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { examine, gitOf, lackingFor, lineOf } from "../../../scripts/stack/doctor.ts";

const dir = mkdtempSync(path.join(tmpdir(), "ticktown-doctor-test-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function withProgram(name: string, says: string): Record<string, string> {
  const bin = path.join(dir, `${name}-${says.replaceAll(/\W/g, "")}`);
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, name), `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path.join(bin, name), 0o755);
  return { PATH: `${bin}:/bin:/usr/bin` };
}

test("a git that merges without a checkout is well, an older one is less, and none is missing", () => {
  expect(gitOf(withProgram("git", "git version 2.37.9"))).toMatchObject({ level: "less" });
  expect(gitOf(withProgram("git", "git version 2.38.0"))).toMatchObject({ level: "ok", says: "git version 2.38.0" });
  expect(gitOf(withProgram("git", "git version 3.0.1"))).toMatchObject({ level: "ok" });
  expect(gitOf({ PATH: dir })).toMatchObject({ level: "missing" });
});

test("an agent by name is looked for with its version and the names of its keys, and no key is printed", async () => {
  const env = { ...withProgram("claude", "2.1.197 (Claude Code)"), HOME: dir };
  const asked = { stateDir: path.join(dir, "state"), from: dir };
  const of = async (more: Record<string, string>, agent: string | null) =>
    (await examine({ ...asked, agent, env: { ...env, ...more } })).filter(({ what }) => what.startsWith("agent"));
  expect(await of({}, "claude")).toMatchObject([
    { level: "less", says: expect.stringContaining("none of ANTHROPIC_API_KEY") },
  ]);
  const [found] = await of({ ANTHROPIC_API_KEY: "very-secret" }, "claude");
  expect(found).toMatchObject({ level: "ok", says: "2.1.197 (Claude Code), with ANTHROPIC_API_KEY" });
  expect(lineOf(found ?? { level: "none", what: "", says: "" })).not.toContain("very-secret");
  expect(await of({}, "no-such-program")).toMatchObject([{ level: "missing" }]);
  expect(await of({}, "if then")).toMatchObject([{ level: "missing" }]);
  const all = await of({}, null);
  expect(all.map(({ what }) => what)).toEqual(
    ["claude", "codex", "opencode", "kilo", "gemini"].map((name) => `agent ${name}`),
  );
});

test("a home that cannot be written is told, and how much room there is", async () => {
  const found = await examine({
    env: { PATH: process.env["PATH"], HOME: path.join(dir, "nowhere") },
    stateDir: path.join(dir, "state"),
    agent: "true",
    from: dir,
  });
  expect(found.find(({ what }) => what === "home")).toMatchObject({ level: "less" });
  expect(found.find(({ what }) => what === "disk")?.says).toMatch(/GiB are free for /);
});

test("a control server that runs already is asked what it is: one that knows no dispatch ids is less, one that does not answer is missing", async () => {
  const routes = new Map<string, string>();
  const server = createServer((request, response) => {
    const body = routes.get(request.url ?? "");
    const isTold = request.headers.authorization === "Bearer secret";
    response.writeHead(!isTold ? 401 : body === undefined ? 404 : 200).end(body ?? "{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const container = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked = { stateDir: dir, from: dir, agent: "true", container };
  const of = async (token: string) => {
    const found = await examine({ ...asked, env: { PATH: process.env["PATH"], HOME: dir, CONTROL_TOKEN: token } });
    return found.find(({ what }) => what === "container");
  };
  expect(await of("secret")).toMatchObject({ level: "less", says: expect.stringContaining("knows no dispatch ids") });
  routes.set("/agents", '{"agents":[]}');
  expect(await of("secret")).toMatchObject({ level: "ok", says: expect.stringContaining("first start will tell") });
  routes.set("/capabilities", '{"inspect":true,"ephemeral":false}');
  expect(await of("secret")).toMatchObject({
    level: "ok",
    says: expect.stringContaining("looks at what is handed in"),
  });
  expect(await of("wrong")).toMatchObject({ level: "missing" });
  server.close();
});

test("what every agent lacks here is said at a start as well: an old git, a home that cannot be written", () => {
  const home = mkdtempSync(path.join(dir, "home-"));
  const env = { PATH: process.env["PATH"], HOME: home };
  expect(lackingFor(env)).toEqual([]);
  expect(lackingFor({ ...env, HOME: path.join(home, "none") })).toEqual([expect.stringContaining("cannot be written")]);
  expect(lackingFor({ ...env, PATH: home })).toEqual([expect.stringMatching(/^git: /)]);
});
