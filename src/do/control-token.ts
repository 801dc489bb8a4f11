/** What the Worker and a container that it starts share, so that the container takes orders from nobody else. */
import { hexOf } from "./sha256.ts";

/** Bound to its use: the secret signs agents' tokens as well, and neither must ever be taken for the other. */
const LABEL = "ticktown control token v1";

/** The part of the Worker's environment that matters here. */
interface Variables {
  readonly CONTROL_TOKEN?: string;
  readonly GASTOWN_JWT_SECRET?: string;
  readonly GASTOWN_API_URL?: string;
  readonly AGENT_COMMAND?: string;
}

/** CONTROL_TOKEN if it is set, else one derived from GASTOWN_JWT_SECRET; null when there is neither. */
export async function controlTokenOf({ CONTROL_TOKEN, GASTOWN_JWT_SECRET }: Variables): Promise<string | null> {
  if (CONTROL_TOKEN) return CONTROL_TOKEN;
  if (!GASTOWN_JWT_SECRET) return null;
  const bytes = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes.encode(GASTOWN_JWT_SECRET), algorithm, false, ["sign"]);
  const signed = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes.encode(LABEL)));
  return hexOf(signed);
}

/** The environment of a container that is started by the Worker. */
export function containerEnvironment(env: Variables, controlToken: string | null): Record<string, string> {
  // A container that sleeps, or is replaced, loses its disk.
  const vars: Record<string, string> = { PORT: "8080", EPHEMERAL_DISK: "true" };
  if (env.GASTOWN_API_URL !== undefined) vars["GASTOWN_API_URL"] = env.GASTOWN_API_URL;
  if (controlToken !== null) vars["CONTROL_TOKEN"] = controlToken;
  if (env.AGENT_COMMAND !== undefined) vars["AGENT_COMMAND"] = env.AGENT_COMMAND;
  return vars;
}

/** The request with the token, if there is one. */
export function withControlToken(request: Request, controlToken: string | null | undefined): Request {
  if (controlToken) request.headers.set("authorization", `Bearer ${controlToken}`);
  return request;
}
