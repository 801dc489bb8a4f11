/**
 * The pages where no platform serves them: a Ticktown on one machine runs in plain workerd, whose disk service knows neither
 * types nor headers, and lists folders. On Cloudflare the assets binding does this before the Worker is asked.
 */

/** A service that answers GET with a file of `dist/dashboard`, or 404. */
export interface Files {
  fetch(request: Request): Promise<Response>;
}

/** What the Worker answers itself; the same list as `run_worker_first` in wrangler.toml. */
export const WORKER_FIRST = ["/api/*", "/health", "/openapi.json", "/docs", "/metrics"];

const INDEX = "index.html";
/** Only these are ever read: no hidden file, no folder, nothing above. */
const FILE = /^\/((?:assets\/)?[A-Za-z0-9_-][A-Za-z0-9_.-]*\.([a-z0-9]+))$/;
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  ico: "image/x-icon",
  woff2: "font/woff2",
  json: "application/json",
  webmanifest: "application/manifest+json",
  txt: "text/plain; charset=utf-8",
};
const PLAIN = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

export function isPage(pathname: string): boolean {
  return !WORKER_FIRST.some((pattern) =>
    pattern.endsWith("*") ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern,
  );
}

/**
 * Answers with a file of the pages, or with index.html for a path that names none: the pages find their own way.
 * A part of the pages that is not there any more (`/assets/...`) is a 404, so that an old tab fails where it can say so.
 */
export async function servePage(request: Request, files: Files): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return new Response("Pages are read with GET.\n", { status: 405, headers: { ...PLAIN, allow: "GET, HEAD" } });
  const { pathname } = new URL(request.url);
  const [, named, extension = ""] = FILE.exec(pathname) ?? [];
  const rules = await headerRules(files);
  if (named !== undefined && TYPES[extension] !== undefined) {
    const file = await read(files, named);
    if (file !== null) return answer(request, file, pathname, TYPES[extension], rules);
  }
  if (pathname.startsWith("/assets/"))
    return new Response("There is no such file. Reload the page: Ticktown is of another version now.\n", {
      status: 404,
      headers: PLAIN,
    });
  const index = await read(files, INDEX);
  if (index === null)
    return new Response("The pages are not built: run `npm run build:dashboard` in Ticktown's folder.\n", {
      status: 503,
      headers: PLAIN,
    });
  return answer(request, index, pathname, TYPES["html"] as string, rules);
}

async function read(files: Files, name: string): Promise<Response | null> {
  // A request of its own: nothing that a client says reaches the disk service, such as a range.
  const file = await files.fetch(new Request(`http://pages/${name}`));
  if (file.ok) return file;
  await file.body?.cancel();
  return null;
}

async function answer(
  request: Request,
  file: Response,
  pathname: string,
  type: string,
  rules: readonly Rule[],
): Promise<Response> {
  const [size, changed] = [file.headers.get("content-length"), file.headers.get("last-modified")];
  const headers = new Headers({ "content-type": type, "cache-control": "public, max-age=0, must-revalidate" });
  for (const rule of rules)
    if (rule.matches(pathname)) for (const [name, value] of rule.headers) headers.set(name, value);
  const etag = size === null || changed === null ? null : `W/"${Date.parse(changed).toString(36)}-${size}"`;
  if (etag !== null) headers.set("etag", etag);
  if (etag !== null && (request.headers.get("if-none-match") ?? "").split(/\s*,\s*/).includes(etag)) {
    await file.body?.cancel();
    return new Response(null, { status: 304, headers });
  }
  if (request.method === "GET") return new Response(file.body, { headers });
  await file.body?.cancel();
  return new Response(null, { headers });
}

// The file _headers, which Cloudflare reads in the same way

interface Rule {
  matches(pathname: string): boolean;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Read once: the pages are built before the Worker starts. */
let known: Promise<readonly Rule[]> | null = null;

function headerRules(files: Files): Promise<readonly Rule[]> {
  known ??= read(files, "_headers").then(async (file) => {
    if (file === null) known = null;
    return file === null ? [] : parseHeaders(await file.text());
  });
  return known;
}

/** A line with a path, `*` for anything at its end, and below it indented lines `Name: value`. */
export function parseHeaders(text: string): Rule[] {
  const rules: { path: string; headers: [string, string][] }[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("/")) rules.push({ path: line.trim(), headers: [] });
    const colon = line.indexOf(":");
    if (/^\s+\S/.test(line) && colon > 0)
      rules.at(-1)?.headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return rules.map(({ path, headers }) => ({
    headers,
    matches: (pathname) => (path.endsWith("*") ? pathname.startsWith(path.slice(0, -1)) : pathname === path),
  }));
}
