import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openApi } from "../../src/api/openapi.ts";
import { ROUTES } from "../../src/api/routes/index.ts";
import { api, call, OPERATOR, send } from "./client.ts";

/**
 * Requests made from the OpenAPI document, and hostile ones: wrong types, huge, unicode, deep JSON, path tricks, repeated,
 * concurrent. A rig answers none of them with 5xx, keeps its invariants, and replays.
 */

const REQUESTS = 2_000;
const AT_ONCE = 16;
const SEED = 20_261_123;

type Schema = Record<string, unknown>;
interface Operation {
  method: string;
  path: string;
  body: Schema | null;
  query: { name: string; schema: Schema }[];
}

/** Streams never end, tokens and towns belong to other tests, and the rest is the rig's. */
const LEFT_OUT = /\/feed$|\/inspect$|\/stream$|operator-tokens|^\/api\/operators|^\/api\/session|^\/docs|^\/api\/users/;

function operations(): Operation[] {
  const { paths } = openApi(ROUTES) as {
    paths: Record<
      string,
      Record<
        string,
        {
          requestBody?: { content: { "application/json": { schema: Schema } } };
          parameters: { in: string; name: string; schema: Schema }[];
        }
      >
    >;
  };
  return Object.entries(paths)
    .filter(([path]) => !LEFT_OUT.test(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        body: operation.requestBody?.content["application/json"].schema ?? null,
        query: operation.parameters.filter((parameter) => parameter.in === "query"),
      })),
    );
}

const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    Number.MAX_VALUE,
    2 ** 53,
    "",
    " ",
    "\u0000",
    "../../etc/passwd",
    "'; DROP TABLE journal; --",
    "\ud800",
    "𝕋🏚️\u202e",
    "__proto__",
    "constructor",
    "a".repeat(5_000),
    [],
    {},
    [[[[[]]]]],
    { __proto__: 1 },
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.integer(),
  fc.double(),
  fc.jsonValue({ maxDepth: 4 }),
);

/** A value that the schema describes, as far as it says. */
function valid(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  const variants = (schema["anyOf"] ?? schema["oneOf"]) as Schema[] | undefined;
  if (variants !== undefined) return fc.oneof(...variants.map((variant) => valid(variant, ids)));
  switch (schema["type"]) {
    case "string":
      if (schema["format"] === "date-time")
        return fc
          .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
          .map((date) => date.toISOString());
      if (typeof schema["pattern"] === "string" && schema["pattern"].startsWith("^[A-Za-z0-9]"))
        return fc.constantFrom(...ids);
      return fc.oneof(fc.constantFrom(...ids), fc.string({ minLength: 1, maxLength: 30 }));
    case "integer":
    case "number":
      return fc.integer({ min: 0, max: 100_000 });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(valid((schema["items"] ?? {}) as Schema, ids), { maxLength: 3 });
    case "object": {
      const properties = (schema["properties"] ?? {}) as Record<string, Schema>;
      return fc.record(
        Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, valid(property, ids)])),
        { requiredKeys: (schema["required"] ?? []) as string[] },
      );
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** The same with something wrong in it. */
const hostile = (schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    nasty,
    valid(schema, ids).chain((value) =>
      typeof value === "object" && value !== null && Object.keys(value).length > 0
        ? fc.tuple(fc.constantFrom(...Object.keys(value)), nasty).map(([key, wrong]) => ({ ...value, [key]: wrong }))
        : nasty,
    ),
    fc.integer({ min: 100, max: 3_000 }).map((depth) => ({ raw: `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}` })),
    fc.constant({ raw: `{"type":"issue","title":"x","body":"${"y".repeat(1_200_000)}"}` }),
    fc.string({ maxLength: 50 }).map((raw) => ({ raw })),
  );

const pathTricks = ["..", "%2e%2e%2f", "a%00b", "%F0%9F%8F%9A", "x".repeat(300), "'--", "%", "a/b", "."];

test("thousands of generated and hostile requests: no 5xx, no broken invariant, a clean replay", async () => {
  const rigId = "rig-fuzz";
  const townId = "town-fuzz";
  const stub = env.RIG.get(env.RIG.idFromName(rigId));
  await stub.execute(
    { type: "configure", rigId, townId, userId: "u", name: "rig", gitUrl: "file:///x", defaultBranch: "main" },
    { kind: "operator", id: "op", dispatchId: null, scope: "operate" },
  );
  const http = api(rigId);
  const ids = ["nobody", "b-1"];
  const all = operations();
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  const random = fc.sample(fc.infiniteStream(fc.nat()), { numRuns: 1, seed: SEED })[0];
  const dice = (sides: number): number => (random?.next().value as number) % sides;
  let sent = 0;
  const arbitraries = new Map<string, fc.Arbitrary<unknown>>();
  const sample = (name: string, make: () => fc.Arbitrary<unknown>): unknown => {
    const arbitrary = arbitraries.get(name) ?? make();
    arbitraries.set(name, arbitrary);
    return fc.sample(arbitrary, { numRuns: 1, seed: SEED + sent })[0];
  };

  const one = async (): Promise<void> => {
    const operation = all[dice(all.length)] as Operation;
    sent++;
    const isTricky = dice(10) === 0;
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
      if (name === "rigId" || name === "rig") return rigId;
      if (name === "townId") return townId;
      const from = name === "kind" ? ["agent", "bead", "review", "rig", "song"] : isTricky ? pathTricks : ids;
      return from[dice(from.length)] ?? "";
    });
    const query = operation.query
      .filter(() => dice(2) === 0)
      .map(
        ({ name }) =>
          `${name}=${encodeURIComponent(["0", "1", "1000", "-1", "x", "open", "issue", "9".repeat(20), "%00"][dice(9)] ?? "")}`,
      );
    const isHostile = dice(3) === 0;
    const generation = Math.floor(sent / 200);
    const value =
      operation.body === null
        ? undefined
        : sample(`${operation.method} ${operation.path} ${isHostile} ${generation}`, () =>
            (isHostile ? hostile : valid)(operation.body as Schema, ids),
          );
    const raw =
      typeof value === "object" && value !== null && "raw" in value
        ? String(value.raw)
        : value === undefined
          ? undefined
          : JSON.stringify(value);
    const times = dice(20) === 0 ? 3 : 1;
    await Promise.all(
      Array.from({ length: times }, async () => {
        const response = await send(
          new Request(`http://localhost${path}${query.length > 0 ? `?${query.join("&")}` : ""}`, {
            method: operation.method,
            headers: {
              "content-type": "application/json",
              ...OPERATOR,
              ...(dice(10) === 0 ? { "idempotency-key": `k${dice(20)}` } : {}),
            },
            ...(raw === undefined || operation.method === "GET" ? {} : { body: raw }),
          }),
        );
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        const text = new TextDecoder().decode(await response.arrayBuffer());
        if (response.status >= 500)
          failures.push(
            `${response.status} ${operation.method} ${path.slice(0, 200)}?${query.join("&")} ${raw?.slice(0, 300) ?? ""}: ${text.slice(0, 300)}`,
          );
        if (response.status === 201 && ids.length < 200) {
          const id = /"id":"([A-Za-z0-9._:-]+)"/.exec(text)?.[1];
          if (id !== undefined) ids.push(id);
        }
      }),
    );
  };

  while (sent < REQUESTS) {
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    if (sent % 400 < AT_ONCE) {
      const { data } = await http.get("/health");
      expect(data.violations).toEqual([]);
    }
  }
  console.log(
    `fuzz: ${[...statuses.values()].reduce((a, b) => a + b, 0)} requests over ${all.length} operations, by status: ${JSON.stringify(Object.fromEntries([...statuses].sort()))}`,
  );
  expect(failures).toEqual([]);
  expect((await http.get("/health")).data.violations).toEqual([]);
  expect((await http.post("/replay")).data.divergence).toBe(null);
  // Some of it must have got through, or nothing was tried.
  expect(statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 20);
  expect(statuses.get(201) ?? 0).toBeGreaterThan(REQUESTS / 100);
  expect((await call("GET", "/health")).status).toBe(200);
}, 180_000);
