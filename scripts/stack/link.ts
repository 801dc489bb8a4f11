/** The board's address with a one-time code in it, which the page trades for a token of its own. */
import type { ApiClient } from "./api-client.ts";

/**
 * The code is in the fragment, which no server and no log gets to see.
 * @throws StackError when the API makes no code
 */
export async function linkToBoard({ url, api }: { readonly url: string; readonly api: ApiClient }): Promise<string> {
  const { code } = await api.call<{ code: string }>("POST", "/api/operators/codes");
  return `${url}/#code=${encodeURIComponent(code)}`;
}
