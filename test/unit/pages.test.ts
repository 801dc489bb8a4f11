import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isPage, parseHeaders, servePage, WORKER_FIRST } from "../../src/api/pages.ts";

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

const FILES: Record<string, string> = {
  "index.html": "<!doctype html>",
  "favicon.svg": "<svg/>",
  "assets/index-abc.js": "let it = 1;",
  "assets/index-abc.css": "body {}",
  _headers: read("dashboard/public/_headers"),
};
const CHANGED = "Wed, 25 Nov 2026 18:47:01 GMT";

/** A disk service; anything that it should never be asked for is an answer that a test would see. */
function disk(files: Record<string, string> = FILES) {
  const asked: Request[] = [];
  return {
    asked,
    fetch: async (request: Request) => {
      asked.push(request);
      const name = decodeURIComponent(new URL(request.url).pathname).slice(1);
      const text = files[name];
      if (text === undefined) return new Response("none", { status: 404 });
      return new Response(text, { headers: { "content-length": String(text.length), "last-modified": CHANGED } });
    },
  };
}
const ask = (path: string, init: RequestInit = {}, files = disk()) =>
  servePage(new Request(`http://127.0.0.1:8787${path}`, init), files);

test("what the Worker answers itself is what wrangler.toml says it is", () => {
  const listed = /run_worker_first = (\[.*\])/.exec(read("wrangler.toml"))?.[1] ?? "";
  expect(JSON.parse(listed)).toEqual(WORKER_FIRST);
});

test.each([
  ["/", true],
  ["/rigs/r1", true],
  ["/api", true],
  ["/apis/x", true],
  ["/health/x", true],
  ["/cdn-cgi/explorer", true],
  ["/api/", false],
  ["/api/rigs/r1", false],
  ["/health", false],
  ["/openapi.json", false],
  ["/docs", false],
])("%s is a page: %s", (path, expected) => expect(isPage(path)).toBe(expected));

test.each([
  ["/", "text/html; charset=utf-8"],
  ["/favicon.svg", "image/svg+xml"],
  ["/assets/index-abc.js", "text/javascript; charset=utf-8"],
  ["/assets/index-abc.css", "text/css; charset=utf-8"],
])("%s has its type and the headers of _headers", async (path, type) => {
  const { status, headers } = await ask(path);
  expect([status, headers.get("content-type")]).toEqual([200, type]);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("x-frame-options")).toBe("DENY");
  expect(headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(headers.get("cache-control")).toBe(
    path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "public, max-age=0, must-revalidate",
  );
});

test.each([
  "/rigs/r1",
  "/_headers",
  "/.env",
  "/assets.js/",
  "/cdn-cgi/explorer",
  "/%2e%2e/%2e%2e/etc/passwd.txt",
  "/..%2f..%2fetc%2fpasswd.txt",
  "/a/b.js",
  "/unknown.js",
  "/favicon.exe",
  "/..%5c..%5cx.js",
])("%s names no file of the pages, so it is index.html", async (path) => {
  const files = disk({ ...FILES, "../../etc/passwd.txt": "root", "a/b.js": "no", "favicon.exe": "no" });
  const response = await ask(path, {}, files);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("<!doctype html>");
  expect(response.headers.get("cache-control")).toBe("public, max-age=0, must-revalidate");
});

test.each(["/assets/index-old.js", "/assets/", "/assets/x"])(
  "%s is part of another version: 404, never a page that is kept for a year",
  async (path) => {
    const { status, headers } = await ask(path);
    expect([status, headers.get("cache-control")]).toEqual([404, null]);
  },
);

test("HEAD has the headers of GET and no body", async () => {
  const [head, get] = [await ask("/favicon.svg", { method: "HEAD" }), await ask("/favicon.svg")];
  expect(await head.text()).toBe("");
  expect([...head.headers]).toEqual([...get.headers]);
});

test.each(["POST", "PUT", "DELETE", "OPTIONS"])("%s is refused with what is allowed", async (method) => {
  const { status, headers } = await ask("/", { method });
  expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test("what a browser has already is not sent again", async () => {
  const etag = (await ask("/favicon.svg")).headers.get("etag") ?? "";
  expect(etag).toMatch(/^W\/"[a-z0-9]+-6"$/);
  const again = await ask("/favicon.svg", { headers: { "if-none-match": `"x", ${etag}` } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  expect((await ask("/favicon.svg", { headers: { "if-none-match": '"x"' } })).status).toBe(200);
});

test("nothing that a client says reaches the disk but the name of a file", async () => {
  const files = disk();
  await ask("/favicon.svg?x=1", { headers: { range: "bytes=0-1", cookie: "a=b" } }, files);
  for (const { method, headers, url } of files.asked)
    expect([method, [...headers], new URL(url).search]).toEqual(["GET", [], ""]);
});

test("pages that are not built are said to be missing", async () => {
  const response = await ask("/", {}, disk({}));
  expect(response.status).toBe(503);
  expect(await response.text()).toContain("npm run build:dashboard");
});

test("a rule of _headers holds for its path, and with a star for all below it", () => {
  const [all, one] = parseHeaders("# a comment\n/*\n  X-All: yes\n\n/one.html\n  X-One: a: b\n");
  expect([all?.matches("/any/thing"), one?.matches("/one.html"), one?.matches("/one.htmlx")]).toEqual([
    true,
    true,
    false,
  ]);
  expect([all?.headers, one?.headers]).toEqual([[["X-All", "yes"]], [["X-One", "a: b"]]]);
});
