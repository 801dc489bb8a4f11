import { expect, test } from "vitest";
import { guard } from "../../src/api/guard.ts";

const HOST = "127.0.0.1:8787";

/** The status with which the door refuses a request, or "passes". */
function door(
  headers: Record<string, string>,
  {
    method = "GET",
    path = "/api/rigs/r/feed",
    body = undefined as string | undefined,
    env = {},
    url = undefined as string | undefined,
  } = {},
): number | "passes" {
  const request = new Request(`http://${HOST}/`, { method, ...(body === undefined ? {} : { body }) });
  // What a browser sets by itself may not be set by a program; the platform's own request has it.
  const all = new Map(Object.entries({ host: HOST, ...headers }));
  const host = all.get("host") ?? "";
  const seen = {
    method,
    // As the platform makes it of the Host header, unless the request line names another host.
    url: url ?? `http://${host}${path}`,
    body: request.body,
    headers: { get: (name: string) => all.get(name) ?? null },
  } as unknown as Request;
  return guard(seen, env)?.status ?? "passes";
}

test("F-701 an Origin passes only when it is the very host that is called: another port, name or no origin at all does not", () => {
  for (const same of ["http://127.0.0.1:8787", "https://127.0.0.1:8787", "HTTP://127.0.0.1:8787"])
    expect([same, door({ origin: same })]).toEqual([same, "passes"]);
  for (const other of [
    "http://127.0.0.1:8788",
    "http://127.0.0.1",
    "http://localhost:8787",
    "https://evil.example",
    "http://127.0.0.1:8787.evil.example",
    "null",
    "",
    "file://",
    "ftp://127.0.0.1:8787",
    "http://127.0.0.1:8787/",
    "http://user@127.0.0.1:8787",
    "//127.0.0.1:8787",
    " http://127.0.0.1:8787",
  ])
    expect([other, door({ origin: other })]).toEqual([other, 403]);
});

test("F-701 an Origin has a scheme: what is called by https has no pages of http, what a proxy calls by http may have pages of https", () => {
  const host = "town.example";
  const from = (origin: string, url: string, env = {}) => door({ host, origin }, { url, env });
  expect(from("https://town.example", "https://town.example/api")).toBe("passes");
  expect(from("http://town.example", "https://town.example/api")).toBe(403);
  expect(from("https://town.example", "http://town.example/api")).toBe("passes");
  expect(from("http://town.example", "http://town.example/api")).toBe("passes");
  // Whoever told agents that it is https has said it of every page.
  const told = { GASTOWN_API_URL: "https://town.example" };
  expect(from("http://town.example", "http://town.example/api", told)).toBe(403);
  expect(from("https://town.example", "http://town.example/api", told)).toBe("passes");
});

test("F-701 what a browser says of the sender's site must be same-origin or none; same-site is refused like cross-site", () => {
  for (const site of ["same-origin", "none"]) expect(door({ "sec-fetch-site": site })).toBe("passes");
  for (const site of ["same-site", "cross-site", "anything"]) expect(door({ "sec-fetch-site": site })).toBe(403);
});

test("a link of another page opens a page, and nothing of the API", () => {
  const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  for (const path of ["/", "/debug", "/docs"]) expect(door(link, { path })).toBe("passes");
  expect(door(link, { path: "/api/rigs/r/board" })).toBe(403);
  expect(door(link, { path: "/", method: "POST" })).toBe(403);
  expect(door({ ...link, "sec-fetch-mode": "no-cors" }, { path: "/" })).toBe(403);
});

test("programs, which send neither, pass", () => expect(door({})).toBe("passes"));

test("F-701 a body must say that it is JSON; no body needs not", () => {
  const post = (type: string | undefined, body: string | undefined, more: Record<string, string> = {}) =>
    door({ ...(type === undefined ? {} : { "content-type": type }), ...more }, { method: "POST", body });
  for (const json of ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"])
    expect([json, post(json, "{}")]).toEqual([json, "passes"]);
  for (const other of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", undefined])
    expect([other, post(other, "{}")]).toEqual([other, 415]);
  for (const almost of ["application/jsonp", "application/json-seq", "text/plain; application/json"])
    expect([almost, post(almost, "{}")]).toEqual([almost, 415]);
  expect(post(undefined, undefined)).toBe("passes");
  expect(post(undefined, "", { "content-length": "0" })).toBe("passes");
  expect(door({ "content-type": "text/plain" }, { method: "DELETE", body: "{}" })).toBe(415);
});

test("F-701 a host must be on the list: by name and port, or by a name without one; without a list any is", () => {
  const list = (ALLOWED_HOSTS: string | undefined, GASTOWN_API_URL?: string) => ({
    env: { ...(ALLOWED_HOSTS === undefined ? {} : { ALLOWED_HOSTS }), ...(GASTOWN_API_URL ? { GASTOWN_API_URL } : {}) },
  });
  const rebound = { host: "evil.example:8787" };
  for (const none of [undefined, "", " , "]) expect(door(rebound, list(none))).toBe("passes");
  expect(door(rebound, list("127.0.0.1:8787"))).toBe(421);
  expect(door({}, list("localhost:8787, 127.0.0.1:8787"))).toBe("passes");
  expect(door({ host: "127.0.0.1:8788" }, list("127.0.0.1:8787"))).toBe(421);
  expect(door({ host: "127.0.0.1:8788" }, list("127.0.0.1"))).toBe("passes");
  expect(door({ host: "Town.Example" }, list("town.example"))).toBe("passes");
  expect(door({ host: "[::1]:8787" }, list("[::1]"))).toBe("passes");
  expect(door({ host: "town.example.evil.example" }, list("town.example"))).toBe(421);
  // Only what is a host at all: no second port, no user, no path.
  for (const odd of [
    "127.0.0.1:8787:80",
    "127.0.0.1:",
    "127.0.0.1:x",
    "a@127.0.0.1",
    "127.0.0.1/",
    "127.0.0.1:123456",
    "",
  ]) {
    expect([odd, door({ host: odd }, list("127.0.0.1:8787, 127.0.0.1"))]).toEqual([odd, 421]);
    expect([odd, door({ host: odd }, list(undefined))]).toEqual([odd, 421]);
  }
  // Agents are told where the API is; that name is its own as well.
  expect(door({ host: "box.internal:9000" }, list("127.0.0.1:8787", "http://box.internal:9000"))).toBe("passes");
  expect(door({ host: "box.internal:9001" }, list("127.0.0.1:8787", "http://box.internal:9000"))).toBe(421);
});

test("F-701 a request line that names another host is refused, whatever the header says", () => {
  const env = { ALLOWED_HOSTS: HOST };
  expect(door({}, { env, url: "http://evil.example/api/rigs/r/board" })).toBe(421);
  expect(door({}, { env, url: `http://${HOST}/api/rigs/r/board` })).toBe("passes");
  // Of an OPTIONS for `*` the platform makes an address that is none.
  expect(door({}, { env, method: "OPTIONS", path: "*" })).toBe(400);
  // Without a list any name is ours, and a binding calls by what name it likes.
  expect(door({}, { url: "http://binding/api/rigs/r/board" })).toBe("passes");
});

test("the pages and the public routes ask for the host as well", () => {
  for (const path of ["/", "/health", "/openapi.json", "/docs"])
    expect(door({ host: "evil.example" }, { path, env: { ALLOWED_HOSTS: HOST } })).toBe(421);
});
