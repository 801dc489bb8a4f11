/** A request that was understood and not done. The caller knows that nothing is running because of it. */
export class Refusal extends Error {
  readonly httpStatus: 400 | 404 | 409 | 413 | 415 | 422 | 429 | 503;
  readonly code: string;

  constructor(httpStatus: Refusal["httpStatus"], code: string, message: string) {
    super(message);
    this.name = "Refusal";
    this.httpStatus = httpStatus;
    this.code = code;
  }
}
