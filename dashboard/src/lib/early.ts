/** What was asked for before the scripts of this page were there (public/early.js). */
interface Early {
  readonly path: string;
  readonly token: string;
  readonly response: Promise<Response>;
}

/** The answer that is on its way to this question, asked with this token; once: who asks again wants what is then. */
export function early(path: string, token: string | null): Promise<Response> | null {
  const place = globalThis as { ticktownEarly?: Early };
  const asked = place.ticktownEarly;
  if (asked === undefined || asked.path !== path || asked.token !== token) return null;
  delete place.ticktownEarly;
  return asked.response;
}
