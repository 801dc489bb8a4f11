/** Refusals in the words of each API, so that a CLI understands them. Pure. */
import type { ModelApi } from "./routes.ts";

export interface ModelError {
  readonly status: number;
  readonly message: string;
}

/** What each API calls such an error. */
const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
};
const GEMINI: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  413: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
};

/** The body of an answer. */
export function errorBody(api: ModelApi, { status, message }: ModelError): string {
  const type = TYPES[status] ?? "api_error";
  switch (api) {
    case "messages":
      return JSON.stringify({ type: "error", error: { type, message } });
    case "responses":
    case "chat":
      return JSON.stringify({ error: { message, type, param: null, code: null } });
    case "gemini":
      return JSON.stringify({ error: { code: status, message, status: GEMINI[status] ?? "UNAVAILABLE" } });
  }
}
