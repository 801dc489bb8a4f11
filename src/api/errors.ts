/** A refusal on its way to the client. */
export class HttpError extends Error {
  readonly status: number;
  readonly extra: Record<string, unknown>;
  constructor(status: number, message: string, extra: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.extra = extra;
  }
}

/** 401 for a token, code or ticket that is not good; whoever tries many of them is slowed down. */
export class WrongKey extends HttpError {
  constructor(message: string) {
    super(401, message);
  }
}

/** 503 of an object that was not there for a moment, and when it is worth to try again. */
export class MovedAway extends HttpError {
  readonly wait_s: number;
  constructor(wait_s: number) {
    super(
      503,
      "what answers this was moved, started anew, or has too much to do. Nothing may have come of the request, or all of it: repeat it, with the same Idempotency-Key where it has one",
      { code: "moved" },
    );
    this.wait_s = wait_s;
  }
}

/** 429, and when it is worth to try again. */
export class TooMuch extends HttpError {
  readonly wait_s: number;
  constructor(message: string, wait_s: number) {
    super(429, message);
    this.wait_s = Math.max(1, Math.ceil(wait_s));
  }
}
