import { digestOf } from "../do/sha256.ts";
import { Hono } from "hono";
import type { Env } from "../do/env.ts";
import type { IdempotencyKey } from "../do/idempotency.ts";
import { UNAVAILABLE_STATUS, unavailableCode } from "../do/unavailable.ts";
import { admitted, afterTheEnd, authenticate, callerOf, type Principal } from "./auth.ts";
import { bodyOf, queryOf, readBody } from "./body.ts";
import { HttpError, MovedAway, TooMuch, WrongKey } from "./errors.ts";
import { guard, isEmpty, NOT_JSON } from "./guard.ts";
import { isPassing, patiently, waitOf } from "../do/moving.ts";
import type { Call, Route } from "./route.ts";
import { onceInRegistry } from "./once.ts";
import { uploadOf } from "./upload.ts";
import { addressOf, countWrongKey, keyHolderOf, takeBytes, takeTurn } from "./rate-limit.ts";
import { ROUTES } from "./routes/index.ts";
import { Id } from "../wire/schemas.ts";
import { isPage, servePage } from "./pages.ts";

const ANONYMOUS: Principal = { kind: "anonymous" };

export const app = new Hono<{ Bindings: Env }>();

app.use("*", async (c, next) => {
  await next();
  // A socket's answer has no body that anybody could keep, or take for something else.
  if (c.res.status === 101) return;
  if (!c.res.headers.has("x-content-type-options")) c.header("x-content-type-options", "nosniff");
  if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
});

app.use("*", async (c, next) => {
  const refusal = guard(c.req.raw, c.env);
  if (refusal !== null && !(refusal.status === NOT_JSON && (await isEmpty(c.req.raw)))) throw refusal;
  await next();
});

for (const entry of ROUTES) {
  app.on(entry.method, entry.path, async (c) => {
    const isOpen = entry.access.includes("public") || entry.access.includes("ticket");
    const principal = isOpen ? ANONYMOUS : await patiently(() => authenticate(c.req.raw, c.env));
    const params = checkedParams(c.req.param() as Record<string, string>);
    takeTurn(principal, Date.now());
    const caller = await patiently(() => admitted(principal, entry, params, c.env));
    const { text, bytes } = entry.body === undefined ? { text: "", bytes: 0 } : await readBody(c.req.raw);
    takeBytes(principal, params["rigId"], bytes, Date.now());
    // A file is not read before it is known that it is wanted; of two with one key first their length is compared, then their bytes.
    const said = entry.file === undefined ? text : (c.req.header("content-length") ?? "");
    const key = await keyOf(c.req.raw, entry, principal, said);
    const rig = () => c.env.RIG.get(c.env.RIG.idFromName(params["rigId"] ?? ""));
    const call: Call<unknown, unknown> = {
      env: c.env,
      params,
      principal,
      caller,
      key,
      execute: (command, inTheNameOf) => rig().execute(command, callerOf(principal, inTheNameOf), key),
      body: bodyOf(entry, text),
      query: queryOf(entry, c.req.query()),
      rig,
      context: c,
    };
    const answer = async () => {
      const handle = async () => entry.handle(call);
      const data = await (onlyReads(entry) ? patiently(handle) : handle()).catch(async (error: unknown) => {
        throw isPassing(error) ? error : await afterTheEnd(principal, c.env, error);
      });
      return data instanceof Response ? data : c.json({ success: true, data }, entry.status ?? 200);
    };
    if (key === null || entry.once !== "registry") return answer();
    const upload = entry.file === undefined ? null : uploadOf(c.req.raw.body);
    if (upload !== null) c.req.raw = new Request(c.req.raw, { method: "POST", body: upload.body });
    return onceInRegistry(c.env, key, answer, upload);
  });
}

/** Nothing is done twice where it is asked for twice. */
const onlyReads = ({ method, once }: Route): boolean => method === "GET" || once === "nowhere";

/** What is no route may be a page, where no platform serves the pages. */
app.notFound((c) =>
  c.env.PAGES !== undefined && isPage(new URL(c.req.url).pathname)
    ? servePage(c.req.raw, c.env.PAGES)
    : c.json({ success: false, error: "Not found" }, 404),
);

/** A wrong key is counted; one too many is told to wait instead. */
function slowedDown(error: WrongKey, request: Request): HttpError {
  try {
    countWrongKey(addressOf(request), Date.now());
    return error;
  } catch (tooMuch) {
    return tooMuch as TooMuch;
  }
}

const movedAway = (error: unknown): MovedAway | null => (isPassing(error) ? new MovedAway(waitOf(error)) : null);

app.onError((thrown, c) => {
  const error = thrown instanceof WrongKey ? slowedDown(thrown, c.req.raw) : thrown;
  const code = unavailableCode(error);
  const ofRig = code === null ? null : new HttpError(UNAVAILABLE_STATUS[code], error.message, { code });
  const known = error instanceof HttpError ? error : (ofRig ?? movedAway(error));
  if (known !== null) {
    if (known.status === 429) c.header("retry-after", String(known instanceof TooMuch ? known.wait_s : 1));
    if (known instanceof MovedAway) c.header("retry-after", String(known.wait_s));
    return c.json({ success: false, error: known.message, ...known.extra }, known.status as 400);
  }
  console.error(
    JSON.stringify({
      level: "error",
      message: "a request failed",
      method: c.req.method,
      path: c.req.path,
      error: error.message,
    }),
  );
  return c.json(
    {
      success: false,
      error:
        "Ticktown failed to answer this request; it is logged. Nothing was changed unless a journal entry says so.",
    },
    500,
  );
});

function checkedParams(params: Record<string, string>): Record<string, string> {
  for (const [name, value] of Object.entries(params)) {
    if (!Id.safeParse(value).success)
      throw new HttpError(
        name === "rigId" || name === "townId" || name === "userId" ? 400 : 404,
        `${name} is not an id: it must begin with a letter or digit and hold at most 128 of A-Z a-z 0-9 . _ : @ -`,
      );
  }
  return params;
}

/** @throws HttpError 400 for a key that is too long to remember. */
async function keyOf(
  request: Request,
  entry: Route,
  principal: Principal,
  text: string,
): Promise<IdempotencyKey | null> {
  const key = request.headers.get("idempotency-key");
  if (key === null || entry.method !== "POST") return null;
  if (entry.answersSecret === true)
    throw new HttpError(
      400,
      "no Idempotency-Key here: the answer is a secret that is shown once and not kept, so it cannot be given again",
    );
  if (key.length === 0 || key.length > 255)
    throw new HttpError(400, "an Idempotency-Key must have 1 to 255 characters");
  return {
    key: `${keyHolderOf(principal)}:${key}`,
    fingerprint: await digestOf(`${new URL(request.url).pathname}\n${text}`),
  };
}
