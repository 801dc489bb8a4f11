/** JSON-RPC over lines, as ACP and Codex speak it: calls of ours and their answers, requests of theirs, notices. */
import { DRIVER_CALLS_MAX } from "../../limits.ts";
import { type Json, objectIn, part, textIn } from "./json.ts";

export interface RpcFailure {
  readonly code: unknown;
  readonly message: string;
  readonly data: unknown;
}

export type RpcAnswer =
  | { readonly ok: true; readonly result: Json }
  | { readonly ok: false; readonly error: RpcFailure };

export interface Rpc {
  /** @returns false when it could not be written, or too many wait: then no answer comes */
  readonly call: (method: string, params: Json, then: (answer: RpcAnswer) => void) => boolean;
  readonly notify: (method: string, params?: Json) => boolean;
  readonly reply: (id: unknown, result: Json) => boolean;
  readonly line: (text: string) => void;
}

export interface RpcWorld {
  readonly write: (line: string) => boolean;
  /** What every message of ours carries beside, such as `jsonrpc`. */
  readonly head: Json;
  readonly onNotice: (method: string, params: Json) => void;
  /** @returns false when such a thing is not offered: the other side is told so */
  readonly onRequest: (id: string | number, method: string, params: Json) => boolean;
  /** A line that is none of these, or an answer that nobody waits for. */
  readonly onOther: (text: string) => void;
}

const NOT_OFFERED = -32_601;

export function createRpc({ write, head, onNotice, onRequest, onOther }: RpcWorld): Rpc {
  const waiting = new Map<number, (answer: RpcAnswer) => void>();
  let last = 0;
  const send = (message: Json): boolean => write(JSON.stringify({ ...head, ...message }));

  function answered(message: Json, text: string): void {
    const id = message["id"];
    const then = typeof id === "number" ? waiting.get(id) : undefined;
    if (then === undefined || typeof id !== "number") return onOther(text); // Said twice, or to nobody.
    waiting.delete(id);
    if (message["error"] === undefined || message["error"] === null)
      return then({ ok: true, result: part(message, "result") });
    const { code, data, message: said } = part(message, "error");
    then({ ok: false, error: { code, data, message: textIn(said) || JSON.stringify(message["error"]) } });
  }

  return {
    call: (method, params, then) => {
      if (waiting.size >= DRIVER_CALLS_MAX) return false;
      const id = ++last;
      waiting.set(id, then); // First: an answer may be there before the write has returned.
      if (send({ id, method, params })) return true;
      waiting.delete(id);
      return false;
    },
    notify: (method, params) => send({ method, ...(params === undefined ? {} : { params }) }),
    reply: (id, result) => send({ id, result }),
    line: (text) => {
      const message = objectIn(text);
      if (message === null) return onOther(text);
      const { method, id } = message;
      if (typeof method !== "string") return id === undefined ? onOther(text) : answered(message, text);
      if (typeof id !== "string" && typeof id !== "number") return onNotice(method, part(message, "params"));
      if (!onRequest(id, method, part(message, "params")))
        send({ id, error: { code: NOT_OFFERED, message: `${method} is not offered` } });
    },
  };
}
