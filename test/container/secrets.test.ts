import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { HIDDEN, redactorOf, secretsIn } from "../../container/redact.ts";
import { parseRemote } from "../../container/git/remotes.ts";
import { cleanUp, createFakeRig, createOrigin, eventually, mergeBody, startBody, startControl } from "./world.ts";

const TOKEN = "ghp_verySecretGitToken123";

/** A git host that wants a password, writes down what it is given, and then has no such repository. */
async function createGitHost(): Promise<{ url: string; seen: (string | undefined)[] }> {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const given = request.headers.authorization;
    seen.push(given && Buffer.from(given.replace("Basic ", ""), "base64").toString());
    response
      .writeHead(given ? 404 : 401, { "www-authenticate": 'Basic realm="git"' })
      .end(`no repository for ${given ?? "nobody"}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/team/repo.git`, seen };
}

function allFilesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

test("GIT_TOKEN reaches the git host and nothing else: no file, event, error or log line has it", async () => {
  const host = await createGitHost();
  const control = await startControl();
  const reply = await control.post("/agents/start", startBody(host.url, "true", { envVars: { GIT_TOKEN: TOKEN } }));
  expect(reply).toMatchObject({ status: 422, body: { code: "remote_unreachable" } });
  expect(host.seen).toContain(`x-access-token:${TOKEN}`);
  expect(JSON.stringify(reply.body)).not.toContain(TOKEN);
  expect(JSON.stringify([await control.events("a1"), control.log])).not.toContain(TOKEN);
  expect(allFilesBelow(control.workDir).filter((file) => readFileSync(file).includes(TOKEN))).toEqual([]);
});

test("credentials inside the gitUrl are taken out of it before git sees it", async () => {
  const host = await createGitHost();
  const control = await startControl();
  const url = host.url.replace("http://", `http://robot:${TOKEN}@`);
  const reply = await control.post("/agents/start", startBody(url, "true"));
  expect(reply.status).toBe(422);
  expect(host.seen).toContain(`robot:${TOKEN}`);
  expect(JSON.stringify([reply.body, await control.events("a1"), control.log])).not.toContain(TOKEN);
  expect(allFilesBelow(control.workDir).filter((file) => readFileSync(file).includes(TOKEN))).toEqual([]);
  expect(parseRemote(url, {})).toEqual({
    url: host.url,
    credentials: { username: "robot", token: TOKEN },
    origin: new URL(host.url).origin,
  });
});

test("a merge that fails does not tell the token either", async () => {
  const host = await createGitHost();
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  await control.post(
    "/git/merge",
    mergeBody(host.url, "feature", { envVars: { GIT_TOKEN: TOKEN, GIT_USERNAME: "robot" } }),
  );
  const report = await eventually("the result", () => rig.to("/complete")[0]);
  expect(report.body).toMatchObject({ status: "failed", reason: "remote_unreachable" });
  expect(host.seen).toContain(`robot:${TOKEN}`);
  expect(JSON.stringify(report.body)).not.toContain(TOKEN);
});

test("secrets that an agent prints are redacted in its events, also across a cut line, and in its exit reason", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  const script = `
    echo "token $GIT_TOKEN and $GASTOWN_SESSION_TOKEN"
    echo '{"type":"tool","name":"curl","args":"'"$OPENAI_API_KEY"'"}'
    head -c 8180 /dev/zero | tr '\\0' x; echo "$GIT_TOKEN"
    printf '%s' "$GIT_TOKEN" | base64
    echo '{"type":"exit_reason","reason":"bad key '"$OPENAI_API_KEY"'"}'; exit 1`;
  const envVars = { GIT_TOKEN: TOKEN, OPENAI_API_KEY: "sk-abcdefgh12345678" };
  await control.post("/agents/start", startBody(createOrigin().url, script, { envVars }));
  await control.ended("a1");
  const text = JSON.stringify(
    [await control.events("a1"), await control.status("a1"), rig.to("/completed"), control.log].map((all) => all),
  );
  for (const secret of [TOKEN, TOKEN.slice(0, 8), "sk-abcdefgh", Buffer.from(TOKEN).toString("base64").slice(0, 20)])
    expect(text).not.toContain(secret);
  expect(text).toContain(`token ${HIDDEN} and ${HIDDEN}`);
  expect(await control.status("a1")).toMatchObject({ exitReason: `bad key ${HIDDEN}` });
});

test("files that hold a session token are readable by their owner only", async () => {
  const control = await startControl({ GASTOWN_API_URL: "http://127.0.0.1:9" });
  await control.post("/agents/start", startBody(createOrigin().url, "sleep 60", { checkpoint: { a: 1 } }));
  await control.post("/agents/start", startBody(createOrigin().url, "true", { agentId: "a2", rigId: "rig2" }));
  await control.ended("a2");
  const files = ["pids", "callbacks", "checkpoints"].flatMap((dir) => allFilesBelow(path.join(control.workDir, dir)));
  expect(files).toHaveLength(3);
  for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("values count as secret by the name of their variable; short values and other names do not", () => {
  const vars = {
    GIT_TOKEN: "abcdef1",
    MY_SECRET_THING: "abcdef2",
    ANTHROPIC_API_KEY: "abcdef3",
    DB_PASSWORD: "abcdef4",
    COLOUR: "turquoise",
    X_TOKEN: "1",
  };
  expect(secretsIn(vars)).toEqual(["abcdef1", "abcdef2", "abcdef3", "abcdef4", "1"]);
  expect(redactorOf(secretsIn(vars))("abcdef1 abcdef4 turquoise 1")).toBe(`${HIDDEN} ${HIDDEN} turquoise 1`);
});

test("of a key of many lines every line is a secret", () => {
  const redact = redactorOf(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----"]);
  expect(redact("MIIEvQIBADANBg")).toBe(HIDDEN);
});
