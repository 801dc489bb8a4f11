/** What ssh and https mean by what they say. */

/** How a rig is given a login. */
export const GIVE_LOGIN = "Give the rig one: the secret GIT_TOKEN, and GIT_USERNAME if it wants a user";

/** Nothing that is copied out of it would fit anywhere else, and no forge takes it. */
export const otherFormat = (url: string): string =>
  `${url} names its commits by SHA-256, and Ticktown works with SHA-1 alone. Make the rig for a copy of it with --object-format=sha1`;

/**
 * @param said what git printed
 * @param url of the remote, without a login
 * @param login how a login that is missing is given; HOST stands for the host
 * @returns null: it speaks for itself
 */
export function causeOf(said: string, url: string, login = GIVE_LOGIN): string | null {
  const host = /^(?:[a-z+]+:\/\/)?(?:[^@/]+@)?([^:/]+)/i.exec(url)?.[1] ?? "the host";
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/i.test(said))
    return `the key of ${host} is another one than before. If that is right, forget the old one: ssh-keygen -R ${host}`;
  if (/Host key verification failed/i.test(said))
    return `the key of ${host} is not known here. Look at it and take it on: ssh-keyscan ${host} >> ~/.ssh/known_hosts`;
  if (/Permission denied \(|Too many authentication failures/i.test(said))
    return `${host} does not take the ssh key that was offered. Add your key there, or start an ssh-agent that has the right one`;
  if (/Could not resolve host|Name or service not known/i.test(said)) return `there is no host ${host}`;
  if (/mismatched algorithms/i.test(said)) return otherFormat(url);
  if (/Connection (refused|timed out)|No route to host/i.test(said)) return `${host} does not answer`;
  if (/could not read Username|Authentication failed|terminal prompts disabled/i.test(said))
    return `${host} wants a login, or another one. ${login.replace("HOST", host)}`;
  return null;
}
