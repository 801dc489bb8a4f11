/** Something that the reader can mend; shown as its sentence, without a stack trace. */
export class StackError extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = "StackError";
  }
}

/** What the API answered instead of what was asked for. */
export class ApiError extends StackError {
  readonly status: number;
  /** The API's own sentence. */
  readonly reason: string;
  /** Of a 429: after how many seconds it may be asked again. */
  readonly retryAfter_s: number | null;
  /** It was answered by something that is no Ticktown. */
  readonly isForeign: boolean;
  constructor(request: string, of: Pick<ApiError, "status" | "reason" | "retryAfter_s" | "isForeign">) {
    super(`${request} was answered with HTTP ${of.status}: ${of.reason}`);
    this.name = "ApiError";
    this.status = of.status;
    this.reason = of.reason;
    this.retryAfter_s = of.retryAfter_s;
    this.isForeign = of.isForeign;
  }
}

export { messageOf } from "../../src/events/message-of.ts";
