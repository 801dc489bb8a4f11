/** Files that nobody changes without a person's approval of exactly that tree. */
import { ALWAYS_PROTECTED } from "../../src/wire/train.ts";
import type { Git } from "../git/git.ts";

/** Which protected files differ between two trees or commits; never thought to be none when git cannot say. */
export async function protectedChanges(
  git: Git,
  store: string,
  globs: readonly string[],
  from: string,
  to: string,
): Promise<string[]> {
  const paths = [ALWAYS_PROTECTED, ...globs].flatMap(pathspecsOf);
  // A renamed file is one that went and one that came: both names count.
  const args = ["diff-tree", "-r", "--name-only", "--no-renames", "-z", from, to, "--", ...paths];
  const result = await git(store, args);
  if (result.code !== 0) return ["(git could not tell which protected files are changed)"];
  return result.stdout.split("\0").filter((name) => name !== "");
}

/** Only stars are special. In any case of letters, since there are disks that see no difference. */
function pathspecsOf(glob: string): string[] {
  const escaped = glob.replaceAll(/[\\?[\]]/g, "\\$&");
  const spec = (pattern: string): string => `:(top,glob,icase)${pattern}`;
  // What is protected with all that is below it must not become a file or a link either.
  return glob.endsWith("/**") ? [spec(escaped), spec(escaped.slice(0, -3))] : [spec(escaped)];
}
