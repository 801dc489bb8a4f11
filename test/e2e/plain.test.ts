import { readdirSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT } from "../../scripts/stack/project.ts";
import { startStack, type Stack } from "../../scripts/stack/stack.ts";
import { nothingLeftIn, processesIn, temporaryDir, ticktown, tokenIn } from "./support.ts";

/**
 * A dev server has doors of its own beside those of the Worker that it runs: paths under /cdn-cgi/, and headers that change
 * what a request is taken for. Their names are read out of the one that earlier versions were served by; none of them may mean
 * anything here, which is shown by comparing whole answers.
 */

const dir = temporaryDir();
const state = path.join(dir, "state");
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({
    port: 0,
    stateDir: state,
    hosts: ["ticktown.example"],
    containerUrl: null,
    agentCommand: "true",
    environment: process.env,
    say: () => {},
  });
});
afterAll(async () => {
  await stack.stop();
  const left = await nothingLeftIn(dir);
  rmSync(dir, { recursive: true, force: true });
  expect(left).toEqual([]);
});

function scriptsIn(folder: string): string[] {
  return readdirSync(path.join(PROJECT, "node_modules", folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?js$/.test(entry.name))
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8"));
}

const bundles = [...scriptsIn("wrangler/wrangler-dist"), ...scriptsIn("miniflare/dist")];
const found = (pattern: RegExp): string[] => [
  ...new Set(bundles.flatMap((text) => Array.from(text.matchAll(pattern), ([, name]) => name ?? ""))),
];
// Those of versions before the bundle's are named by hand.
const HANDLERS = [...found(/["'`](\/cdn-cgi\/[\w./-]*)/g), "/cdn-cgi/explorer", "/cdn-cgi/handler/scheduled"];
const HEADERS = found(/["'`](mf-[a-z0-9-]*[a-z0-9])["'`]/gi);

/** The whole answer: status, headers as they came, body. */
function answerTo(method: string, target: string, headers: Record<string, string> = {}): Promise<string> {
  const { hostname, port } = new URL(stack.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: target, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve(`${response.statusCode}\n${response.rawHeaders.join("\n")}\n\n${body}`));
    });
    sent.once("error", reject).end();
  });
}
const operator = (): Record<string, string> => ({ authorization: `Bearer ${tokenIn(state)}` });

describe("F-703 nothing of a dev server is served beside the Worker", () => {
  test("the names are found where they are looked for", () => {
    expect(HANDLERS).toEqual(expect.arrayContaining(["/cdn-cgi/local/explorer/api", "/cdn-cgi/local/scheduled"]));
    expect(HEADERS).toEqual(expect.arrayContaining(["MF-Original-URL", "MF-Proxy-Shared-Secret", "MF-Route-Override"]));
  });

  test("what runs is workerd itself and the control server: no program of a dev server is among them", () => {
    const commands = processesIn(dir).map(({ command }) => command);
    expect(commands.filter((command) => /workerd serve /.test(command))).toHaveLength(1);
    expect(commands.filter((command) => command.includes(path.join("container", "main.ts")))).toHaveLength(1);
    expect(
      commands.filter((command) => /wrangler\.js|wrangler-dist|miniflare|esbuild|--inspector/.test(command)),
    ).toEqual([]);
    expect(commands).toHaveLength(2);
  });

  test.each(["GET", "POST", "PUT", "DELETE"])("%s: each handler's path is a path like any other", async (method) => {
    const unknown = [await answerTo(method, "/no-such-page"), await answerTo(method, "/no-such-page", operator())];
    const below = HANDLERS.flatMap((name) => [name, `${name}/x`.replace("//", "/"), `${name}?url=x`, `/${name}`]);
    for (const target of below) {
      expect(await answerTo(method, target), target).toBe(unknown[0]);
      expect(await answerTo(method, target, operator()), target).toBe(unknown[1]);
    }
  });

  const ANSWERS: readonly (readonly [method: string, target: string, withToken: boolean])[] = [
    ["GET", "/health", false],
    ["GET", "/", false],
    ["GET", "/api/users/local/towns", false],
    ["GET", "/api/users/local/towns", true],
    ["POST", "/api/maintenance/poke", false],
    ["POST", "/api/maintenance/poke", true],
  ];
  const VALUES = ["1", "http://attacker.example/health", "/cdn-cgi/local/explorer", "{}"];

  test.each(ANSWERS)("%s %s, with a token %s: each header changes nothing", async (method, target, withToken) => {
    const base = withToken ? operator() : {};
    const without = await answerTo(method, target, base);
    for (const header of HEADERS)
      for (const value of VALUES)
        expect(await answerTo(method, target, { ...base, [header]: value }), `${header}: ${value}`).toBe(without);
    const all = Object.fromEntries(HEADERS.map((header) => [header, "http://attacker.example/"]));
    expect(await answerTo(method, target, { ...base, ...all })).toBe(without);
  });

  test("nor does a name like theirs", async () => {
    const page = await answerTo("GET", "/no-such-page");
    const health = await answerTo("GET", "/health");
    const word = fc.stringMatching(/^[a-z0-9]{1,10}$/);
    const words = fc.array(word, { minLength: 1, maxLength: 3 });
    const cased = (text: string): fc.Arbitrary<string> =>
      fc
        .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
        .map((upper) =>
          Array.from(text, (letter, n) => (upper[n] === true ? letter.toUpperCase() : letter.toLowerCase())).join(""),
        );
    const handler = fc.oneof(
      fc.constantFrom(...HANDLERS).chain(cased),
      words.map((parts) => `/cdn-cgi/${parts.join("/")}`),
      fc.tuple(fc.constantFrom(...HANDLERS), word).map(([name, more]) => `${name}${more}`),
    );
    const header = fc.oneof(
      fc.constantFrom(...HEADERS).chain(cased),
      words.map((parts) => `mf-${parts.join("-")}`),
      fc.tuple(fc.constantFrom(...HEADERS), word).map(([name, more]) => `${name}-${more}`),
    );
    await fc.assert(
      fc.asyncProperty(handler, header, fc.webUrl(), async (target, name, value) => {
        expect(await answerTo("GET", target)).toBe(page);
        expect(await answerTo("GET", "/health", { [name]: value })).toBe(health);
      }),
      { numRuns: 200, seed: 703 },
    );
  });

  test("a request for another host's page is not taken for one of ours by any of them", async () => {
    const rebound = { host: "attacker.example" };
    const without = await answerTo("GET", "/api/users/local/towns", rebound);
    for (const header of HEADERS)
      expect(
        await answerTo("GET", "/api/users/local/towns", { ...rebound, [header]: `${stack.url}/api/users/local/towns` }),
        header,
      ).toBe(without);
    expect(without.split("\n")[0]).toMatch(/^4/);
  });
});

test.each([
  ["127.0.0.1:PORT", 200],
  ["localhost:PORT", 200],
  ["[::1]:PORT", 200],
  ["ticktown.example", 200],
  ["ticktown.example:8443", 200],
  ["127.0.0.1:1", 421],
  ["127.0.0.1", 421],
  ["attacker.example", 421],
  ["attacker.example:PORT", 421],
])(
  "asked for as %s it answers %i: its own names with the port, and those of --host; the API and the pages alike",
  async (host, status) => {
    const named = { host: host.replace("PORT", new URL(stack.url).port) };
    for (const target of ["/health", "/", "/favicon.svg"])
      expect(Number((await answerTo("GET", target, named)).split("\n")[0]), target).toBe(status);
  },
);

describe("an operator's tools", () => {
  const tool = async (...args: string[]) => {
    const program = ticktown([...args, "--state", state]);
    return { code: await program.exited, out: program.stdout().trim(), error: program.stderr() };
  };

  test("npm run open prints a link whose code is good once", async () => {
    const { code, out } = await tool("open");
    expect(code).toBe(0);
    const [address, fragment] = out.split("#code=");
    expect(address).toBe(`${stack.url}/`);
    const trade = () =>
      fetch(`${stack.url}/api/session`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ code: fragment }),
      });
    const { data } = (await (await trade()).json()) as { data: { token: string } };
    const towns = await fetch(`${stack.url}/api/users/local/towns`, {
      headers: { authorization: `Bearer ${data.token}` },
    });
    expect(towns.status).toBe(200);
    expect((await trade()).status).toBe(401);
  });

  test("npm run token makes a token of a scope, lists it without its text, and revokes it", async () => {
    const added = await tool("token", "add", "a colleague", "--scope", "read");
    expect(added.code, added.error).toBe(0);
    const as = async (method: string, target: string) =>
      Number((await answerTo(method, target, { authorization: `Bearer ${added.out}` })).split("\n")[0]);
    expect([await as("GET", "/api/users/local/towns"), await as("POST", "/api/maintenance/poke")]).toEqual([200, 403]);

    const line = (await tool("token", "ls")).out.split("\n").find((text) => text.endsWith("a colleague")) ?? "";
    expect(line).toMatch(/^op-\S+ +read +\d{4}-\d\d-\d\d +live/);
    expect(line).not.toContain(added.out);
    expect((await tool("token", "revoke", line.split(" ")[0] ?? "", "--yes")).code).toBe(0);
    expect(await as("GET", "/api/users/local/towns")).toBe(401);
  });

  test.each([
    [["token", "add"], 2, "missing required argument 'name'"],
    [["token", "add", "x", "--scope", "everything"], 2, "scope"],
    [["token", "ls", "--al"], 2, "--al"],
    [["token", "revoke", "op-x"], 2, "--yes"],
    [["open", "--state", "/nowhere"], 4, "no Ticktown runs on /nowhere"],
    [["open", "--url", "http://127.0.0.1:1"], 5, "TICKTOWN_OPERATOR_TOKEN"],
  ])("what cannot work is said: %j", async (args, code, text) => {
    const program = ticktown(args.includes("--state") ? args : [...args, "--state", state], {
      XDG_CONFIG_HOME: path.join(dir, "nobody's"),
    });
    expect(await program.exited).toBe(code);
    expect(program.stderr()).toContain(text);
  });
});
