import * as z from "zod";
import type { Route } from "./route.ts";

/** The OpenAPI 3.1 document and the page, both from the table of routes. */

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: "input" | "output"): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    target: "draft-2020-12",
  }) as Json;
  return rest;
};

const FAILURE: Json = {
  type: "object",
  required: ["success", "error"],
  properties: {
    success: { const: false },
    error: { type: "string", description: "What happened, and what can be done." },
    issues: {
      type: "array",
      items: {
        type: "object",
        properties: { path: { type: "array", items: { type: "string" } }, message: { type: "string" } },
      },
    },
    state: { type: "string", description: "The state that refuses (409)." },
    allowed: { type: "array", items: { type: "string" }, description: "The facts that the state would take (409)." },
  },
};

const STATUSES: Record<string, string> = {
  400: "The request is not valid; `issues` says where",
  401: "No token, or a bad one",
  403: "The token is for somebody or something else",
  404: "There is no such thing",
  409: "The state refuses; `state` and `allowed` say why",
  413: "Too large",
  422: "Contradicts what is there",
  429: "A limit is reached",
};

const pathParams = (path: string): string[] => Array.from(path.matchAll(/:(\w+)/g), (match) => match[1] ?? "");

function operation(entry: Route): Json {
  const query =
    entry.query === undefined ? {} : ((schemaOf(entry.query, "input")["properties"] ?? {}) as Record<string, Json>);
  const isPublic = entry.access.includes("public");
  const success =
    entry.bare === true && entry.answer !== undefined
      ? schemaOf(entry.answer, "output")
      : {
          type: "object",
          required: ["success", "data"],
          properties: {
            success: { const: true },
            data: entry.answer === undefined ? {} : schemaOf(entry.answer, "output"),
            ...Object.fromEntries(
              Object.entries(entry.beside ?? {}).map(([name, schema]) => [name, schemaOf(schema, "output")]),
            ),
          },
        };
  return {
    summary: entry.summary,
    tags: [entry.tag],
    "x-access": entry.access,
    ...(isPublic ? { security: [] } : {}),
    parameters: [
      ...pathParams(entry.path).map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
      ...Object.entries(query).map(([name, schema]) => ({ name, in: "query", required: false, schema })),
      ...(entry.method === "POST" && entry.answersSecret !== true
        ? [
            {
              name: "Idempotency-Key",
              in: "header",
              required: false,
              schema: { type: "string", minLength: 1, maxLength: 255 },
            },
          ]
        : []),
    ],
    ...(entry.file === undefined ? {} : { requestBody: { required: true, content: { [entry.file]: {} } } }),
    ...(entry.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { "application/json": { schema: schemaOf(entry.body, "input") } } },
        }),
    responses: {
      [String(entry.status ?? 200)]: {
        description: "Success",
        ...(entry.answer === undefined ? {} : { content: { "application/json": { schema: success } } }),
      },
      ...(isPublic
        ? {}
        : Object.fromEntries(
            Object.entries(STATUSES).map(([status, description]) => [
              status,
              { description, content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } } },
            ]),
          )),
    },
  };
}

/** The whole API. */
export function openApi(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const entry of routes) {
    const path = entry.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [entry.method.toLowerCase()]: operation(entry) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Ticktown",
      version: "0.1.0",
      description:
        "A scheduler for fleets of coding agents. Times are ISO 8601 UTC strings. Unknown keys in a body are ignored.",
    },
    security: [{ token: [] }],
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "An agent's JWT, or an operator's token." },
      },
      schemas: { Failure: FAILURE },
    },
    paths,
  };
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const details = (title: string, schema: Json): string =>
  `<details><summary>${title}</summary><pre>${escape(JSON.stringify(schema, null, 2))}</pre></details>`;

/** The same for people: one section per tag, no script. */
export function docsPage(routes: readonly Route[]): string {
  const tags = [...new Set(routes.map((entry) => entry.tag))];
  const section = (tag: string) =>
    `<h2 id="${escape(tag)}">${escape(tag)}</h2>${routes
      .filter((entry) => entry.tag === tag)
      .map(
        (entry) =>
          `<article><h3><code>${entry.method}</code> <code>${escape(entry.path)}</code></h3><p>${escape(entry.summary)}. <small>For: ${entry.access.join(", ")}.</small></p>${entry.body === undefined ? "" : details("Body", schemaOf(entry.body, "input"))}${entry.query === undefined ? "" : details("Query", schemaOf(entry.query, "input"))}${entry.answer === undefined ? "" : details("Answer", schemaOf(entry.answer, "output"))}</article>`,
      )
      .join("")}`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Ticktown API</title><style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}h3{margin-bottom:0;overflow-wrap:anywhere}article{border-top:1px solid #8884}pre{overflow:auto;padding:1rem;background:#8882;border-radius:.5rem}nav a{margin-right:1rem}</style></head><body><h1>Ticktown API</h1><p>Success is <code>{ "success": true, "data": … }</code>, failure <code>{ "success": false, "error": "…" }</code>. Send <code>Authorization: Bearer &lt;token&gt;</code>. Any POST takes an <code>Idempotency-Key</code>, except those that answer with a secret. The same as a document for programs: <a href="/openapi.json">/openapi.json</a>.</p><nav>${tags.map((tag) => `<a href="#${escape(tag)}">${escape(tag)}</a>`).join("")}</nav>${tags.map(section).join("")}</body></html>`;
}
