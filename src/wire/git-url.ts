/** Credentials in a repository's URL belong to the secrets, before anything is written down or told. */

export interface SplitUrl {
  /** Without credentials: what the rig keeps and shows. */
  readonly url: string;
  /** GIT_TOKEN and GIT_USERNAME, as the control server reads them; empty where the URL had none. */
  readonly secrets: Readonly<Record<string, string>>;
}

/**
 * `https://user:password@host/r.git` into its two parts. A name alone is a token, as GitHub takes it. Of an ssh URL the user stays, since
 * it is no secret, and a password goes, since ssh takes none from there. What is no plain address of a repository is refused before
 * anything is written down: a credential may be anywhere in it.
 * @returns null for what is not `https://host/path`, `ssh://`, `git://`, `file://`, `user@host:path` or an absolute path
 */
export function splitCredentials(gitUrl: string): SplitUrl | null {
  const text = gitUrl.trim();
  if (/^\/(?!\/)/.test(text)) return { url: text, secrets: {} };
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(text)) return null;
  // `user@host:path`; a colon before the @ would be a password.
  if (/^[^/@:]+@[^/@:]+:[^@]*$/.test(text) || /^[A-Za-z0-9][^/@:]*:(?!\/|:)[^@:]+$/.test(text)) {
    return /^(https?|ssh|git|file):/i.test(text) ? null : { url: text, secrets: {} };
  }
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null || url.search !== "" || url.hash !== "" || url.pathname.includes("@")) return null;
  return /^https?:$/.test(url.protocol) ? ofHttp(url, text) : ofOther(url, text);
}

function ofHttp(url: URL, text: string): SplitUrl {
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (username === "" && password === "") return { url: text, secrets: {} };
  url.username = "";
  url.password = "";
  if (password === "") return { url: url.href, secrets: { GIT_TOKEN: username } };
  return { url: url.href, secrets: { GIT_TOKEN: password, ...(username === "" ? {} : { GIT_USERNAME: username }) } };
}

function ofOther(url: URL, text: string): SplitUrl | null {
  if (decoded(url.username).includes(":") || (url.protocol === "git:" && url.username !== "")) return null;
  if (url.password === "") return { url: text, secrets: {} };
  url.password = "";
  return { url: url.href, secrets: {} };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
