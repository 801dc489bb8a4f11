/**
 * How this page is let in: by a token that is kept for its origin, so that a new tab and a deep link work too. No cookie: those
 * of 127.0.0.1 are sent to every port of it. A link with a one-time code in its fragment brings the token.
 */

const TOKEN = "ticktown.token";
const CODE = /(?:^#|&)code=([^&]+)/;

/** Where a browser keeps nothing for a page, the token lives as long as the page. */
let unkept: string | null = null;

export function token(): string | null {
  try {
    return localStorage.getItem(TOKEN) ?? unkept;
  } catch {
    return unkept;
  }
}

export function rememberToken(value: string): void {
  unkept = value;
  try {
    localStorage.setItem(TOKEN, value);
  } catch {
    // Private windows of some browsers: kept above.
  }
}

/** What became of the code in the address: there was none, it was traded, or the reason why it was not. */
export type Entry = { readonly how: "no code" | "let in" } | { readonly how: "refused"; readonly why: string };

/** Trades the code in the address for a token, and takes it out of the address before anything else happens. */
export async function enter(): Promise<Entry> {
  const code = CODE.exec(location.hash)?.[1];
  if (code === undefined) return { how: "no code" };
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  try {
    const response = await fetch("/api/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: decodeURIComponent(code) }),
    });
    const answer = (await response.json()) as { data?: { token?: unknown } };
    if (response.ok && typeof answer.data?.token === "string") {
      rememberToken(answer.data.token);
      return { how: "let in" };
    }
    const why =
      response.status === 429 ? "Too many links were tried. Wait a minute." : "This link was used, or is over.";
    return { how: "refused", why };
  } catch {
    return { how: "refused", why: "Ticktown does not answer: is the Worker running?" };
  }
}

/** Told when this page, or another tab of it, has a new token. */
export function whenLetIn(handler: () => void): () => void {
  const inAnotherTab = ({ key, newValue }: StorageEvent) => key === TOKEN && newValue !== null && handler();
  const byAnotherLink = async () => (await enter()).how === "let in" && handler();
  const onHash = () => void byAnotherLink();
  addEventListener("storage", inAnotherTab);
  addEventListener("hashchange", onHash);
  return () => {
    removeEventListener("storage", inAnotherTab);
    removeEventListener("hashchange", onHash);
  };
}
