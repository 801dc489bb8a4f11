import { LIMITS } from "../events/limits.ts";
import { nestingOf, takeText, TextError, type TextRule } from "../wire/text.ts";
import { HttpError } from "./errors.ts";
import type { Route } from "./route.ts";

/** What a request says, read and checked: its size, its JSON, its text, its shape. */

export interface ReadBody {
  readonly text: string;
  readonly bytes: number;
}

/** @throws HttpError 413 for a body over the limit, whatever its length header says. */
export async function readBody(request: Request): Promise<ReadBody> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > LIMITS.body_bytes)
    throw new HttpError(413, `a request body may have ${LIMITS.body_bytes} bytes, this one has ${declared}`);
  if (request.body === null) return { text: "", bytes: 0 };
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.body_bytes) throw new HttpError(413, `a request body may have ${LIMITS.body_bytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), bytes };
}

/** The body as its route's schema has it. An absent one counts as {}. @throws HttpError 400. */
export function bodyOf(entry: Route, text: string): unknown {
  if (entry.body === undefined) return undefined;
  return checked(entry.body, spoken(parseJson(text, entry), entry.text ?? "written", "body"), "body");
}

/** The query as its route's schema has it. @throws HttpError 400. */
export function queryOf(entry: Route, query: Record<string, string>): unknown {
  return entry.query === undefined ? undefined : checked(entry.query, spoken(query, "written", "query"), "query");
}

function parseJson(text: string, { body, text: rule }: Route): unknown {
  if (text.trim() === "") return {};
  const nesting = nestingOf(text);
  const message = nesting > LIMITS.json_depth ? `nested ${nesting} deep, at most ${LIMITS.json_depth} are taken` : "";
  if (message !== "") throw new HttpError(400, `the request body is ${message}`, { issues: [{ path: [], message }] });
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Whoever beats needs not make sense.
    if (rule === "reported" && body?.safeParse({}).success === true) return {};
    throw new HttpError(400, "the request body is not valid JSON", {
      issues: [{ path: [], message: "not valid JSON" }],
    });
  }
}

function spoken(value: unknown, rule: TextRule, what: string): unknown {
  try {
    return takeText(value, rule);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const { path, message } = error;
    throw new HttpError(400, `the ${what} is not valid: ${path.join(".") || "(root)"}: ${message}`, {
      issues: [{ path, message }],
    });
  }
}

function checked(schema: NonNullable<Route["body"]>, value: unknown, what: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message }));
  const first = issues[0];
  throw new HttpError(
    400,
    `the ${what} is not valid${first === undefined ? "" : `: ${first.path.join(".") || "(root)"}: ${first.message}`}`,
    { issues },
  );
}
