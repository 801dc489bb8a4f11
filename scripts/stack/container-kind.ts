/** What a control server that runs already is: asked over its own routes, as a rig asks at first contact (src/do/contact.ts). */
import { messageOf } from "../../src/events/message-of.ts";
import { containerGateway } from "../../src/do/gateway.ts";

export interface ContainerKind {
  /** `none`: it does not answer, or not to this token. */
  readonly kind: "new" | "old" | "none";
  /** For people. */
  readonly says: string;
}

const TIMEOUT_MS = 10_000;

/** Never throws: that it does not answer is an answer. */
export async function kindOf(url: string, token: string | null): Promise<ContainerKind> {
  const base = url.replace(/\/+$/, "");
  const { capabilities, knowsDispatchIds } = containerGateway(
    { fetch: (target, init) => fetch(target.replace(/^http:\/\/container/, base), init) },
    token === null ? {} : { authorization: `Bearer ${token}` },
  );
  try {
    const can = await capabilities(TIMEOUT_MS);
    if (can !== null) return { kind: "new", says: "it knows dispatch ids, and looks at what is handed in" };
    if ((await knowsDispatchIds?.(TIMEOUT_MS)) !== false)
      return { kind: "new", says: "it does not say what it can do: its first start will tell" };
    return {
      kind: "old",
      says: "it knows no dispatch ids: its agents' reports are told apart by agent and bead alone, and nobody looks at what is handed in",
    };
  } catch (error) {
    return { kind: "none", says: `it does not answer (${messageOf(error)})` };
  }
}
