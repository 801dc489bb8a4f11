/** Large files of somebody else's, which an agent names. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { gitLfs } from "../../scripts/git-lfs.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { ran } from "./boxed.ts";
import { createOrigin, git, startControl, tempDir } from "./world.ts";

test("LFS-store where large files are is not said by what an agent has committed, nor by what it left in its clone: a checkout of ours takes them from the store alone", async () => {
  gitLfs();
  const control = await startControl();
  const { url } = createOrigin();
  const secret = "a large file of somebody else's\n";
  const oid = createHash("sha256").update(secret).digest("hex");
  const theirs = path.join(tempDir(), "theirs.git");
  git("/", "init", "--quiet", "--bare", theirs);
  const folder = path.join(theirs, "lfs", "objects", oid.slice(0, 2), oid.slice(2, 4));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, oid), secret);
  const pointer = path.join(tempDir(), "pointer");
  writeFileSync(pointer, `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${secret.length}\n`);
  const work = (attributes: string): string =>
    [
      `printf '[lfs]\\n\\turl = file://${theirs}\\n' > .lfsconfig; echo '*.bin filter=lfs -text' > ${attributes}`,
      `b=$(git hash-object -w --no-filters '${pointer}'); git add .lfsconfig; test ! -e .gitattributes || git add .gitattributes`,
      "git update-index --add --cacheinfo 100644,$b,z.bin; git commit -qm work",
    ].join("\n");
  for (const [n, attributes] of [".git/info/attributes", ".gitattributes"].entries()) {
    const [first, second] = [`one-${n}`, `two-${n}`];
    const mine = { agentId: `lfs-${n}`, branch: `work/lfs-${n}`, place: { ...DEFAULT_PLACE, lfs: "auto" } };
    await ran(control, url, work(attributes), { ...mine, beadId: first });
    const seen = await ran(control, url, "cat z.bin", { ...mine, beadId: second }).catch((error: unknown) => [
      String(error),
    ]);
    expect(seen.join("\n")).not.toContain(secret.trim());
  }
});
