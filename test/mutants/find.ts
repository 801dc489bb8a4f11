import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TESTS = [
  "test/unit/incidents",
  "test/unit/cli",
  "test/unit/thresholds",
  "test/container",
  "test/container/door",
  "test/container/drivers",
  "test/workers",
] as const;

/** Which file has an incident's tests. @throws Error when two have: then one of them would prove nothing */
export function findTests(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const files = TESTS.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  for (const file of files.filter((name) => name.endsWith(".test.ts"))) {
    for (const [, id = ""] of readFileSync(join(root, file), "utf8").matchAll(
      /^test\(\s*"((?:[A-Z]+-|[\w-]+#)\w+) [^"]+"/gm,
    )) {
      const other = found.get(id);
      if (other !== undefined && other !== file) throw new Error(`${id} has tests in ${other} and in ${file}`);
      found.set(id, file);
    }
  }
  return found;
}
