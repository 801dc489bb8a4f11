/** Removing what a program made that nobody here wrote. */
import { rm } from "node:fs/promises";
import { COPY_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";

/** Also folders that their maker made read-only, as caches of packages are. @returns whether it is gone; what stays is removed another time */
export async function removeTree(folder: string): Promise<boolean> {
  const remove = async (): Promise<boolean> => {
    try {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      return true;
    } catch {
      return false;
    }
  };
  if (await remove()) return true;
  const env = { PATH: process.env["PATH"] ?? "" };
  await exec("chmod", ["-R", "u+rwX", folder], { cwd: "/", env, timeout_ms: COPY_TIMEOUT_MS });
  return remove();
}
