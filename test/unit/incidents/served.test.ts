import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { serveArguments, workerd } from "../../../scripts/stack/worker.ts";
import { OBJECTS, workerdConfig } from "../../../scripts/stack/workerd-config.ts";

/** Takes the Worker's place, and says of each request what the Worker was given. */
const ECHO = `
import { DurableObject } from "cloudflare:workers";
${OBJECTS.map(({ className }) => `export class ${className} extends DurableObject {}`).join("\n")}
export default {
  fetch: ({ url, method, headers }, env) =>
    Response.json({ url, method, headers: [...headers.keys()].sort(), bindings: Object.keys(env).sort() }),
};
`;

interface Served {
  readonly port: number;
  /** Ends it. @returns the names of all sockets on which it has listened */
  readonly end: () => Promise<string[]>;
}

/** Serves it as `npm start` serves the Worker. */
async function serveEcho(): Promise<Served> {
  const folder = mkdtempSync(path.join(tmpdir(), "ticktown-served-"));
  const [objects, pages] = [path.join(folder, "objects"), path.join(folder, "pages")];
  for (const dir of [objects, pages]) mkdirSync(dir);
  writeFileSync(path.join(folder, "worker.js"), ECHO);
  const config = path.join(folder, "worker.capnp");
  const given = { bundle: "worker.js", compatibilityDate: "2026-10-01", address: "127.0.0.1:0", objects, pages };
  const controlSocket = path.join(folder, "control.sock");
  writeFileSync(config, workerdConfig({ ...given, variables: ["TOLD"], controlSocket }));

  const child = spawn(workerd(), serveArguments(config), {
    env: { TOLD: "yes" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const listening = (): { socket: string; port: number }[] =>
    said
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { socket: string; port: number });
  const end = async (): Promise<string[]> => {
    child.kill("SIGKILL");
    await closed;
    return listening().map(({ socket }) => socket);
  };
  onTestFinished(async () => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  });
  while (listening().length === 0) await Promise.race([once(child.stdout, "data"), failed(closed)]);
  return { port: listening()[0]?.port ?? 0, end };
}

const failed = async (closed: Promise<unknown[]>): Promise<never> => {
  throw new Error(`workerd ended with ${(await closed).join(" ")}`);
};

function ask(port: number, method: string, target: string, headers: Record<string, string> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", method, path: target, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve(JSON.parse(body)));
    });
    sent.once("error", reject).end();
  });
}

test("F-703 the Worker alone is served: it is given every path and header as it came, and no other socket is open", async () => {
  const { port, end } = await serveEcho();
  const host = `127.0.0.1:${port}`;
  const bindings = ["CONTAINER", "PAGES", "TOLD", ...OBJECTS.map(({ binding }) => binding)].sort();
  for (const method of ["GET", "POST", "DELETE"])
    for (const target of ["/", "/cdn-cgi/explorer", "/cdn-cgi/local/explorer/api/d1", "/cdn-cgi/handler/scheduled"])
      expect(await ask(port, method, target)).toMatchObject({ url: `http://${host}${target}`, method, bindings });
  expect(
    await ask(port, "GET", "/x", { "MF-Original-URL": "http://evil.example/y", "mf-route-override": "z" }),
  ).toEqual({
    url: `http://${host}/x`,
    method: "GET",
    headers: expect.arrayContaining(["mf-original-url", "mf-route-override"]),
    bindings,
  });
  expect(await end()).toEqual(["http"]);
});
