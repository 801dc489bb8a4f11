/** Where a coding agent's own login lies: where `npm run login` has kept it, or in a person's home. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Runtime } from "./runtime.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The home that `npm run login` gives a program. @param logins the folder of all of them */
export const keptHome = (logins: string, { name }: Pick<Runtime, "name">): string => path.join(logins, name);

/**
 * The home in which its login is looked for; null: there is none.
 * @param env of the control server: AGENT_LOGINS names the folder of what was kept, HOME the person's
 */
export function loginHomeOf(runtime: Pick<Runtime, "name" | "logins">, env: Env): string | null {
  const kept = env["AGENT_LOGINS"] ? keptHome(env["AGENT_LOGINS"], runtime) : null;
  const isThere = kept !== null && runtime.logins.some((file) => existsSync(path.join(kept, file)));
  return isThere ? kept : env["HOME"] || null;
}

/** The files of its login, by their whole path, whether or not they are there. */
export function loginFilesOf(runtime: Pick<Runtime, "name" | "logins">, env: Env): string[] {
  const home = loginHomeOf(runtime, env);
  return home === null ? [] : runtime.logins.map((file) => path.join(home, file));
}
