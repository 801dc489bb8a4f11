/** What an agent leaves in its clone for whoever works with it next. */
import { type Mutant, mutant, edit } from "./mutant.ts";

export const CLONE_MUTANTS: readonly Mutant[] = [
  mutant(
    "BOX-submodules_run",
    "a clone in which submodules are to be checked out is made anew",
    "it is used again, where its folder of submodules is gone",
    edit(
      "container/git/clone.ts",
      'if (git.place.submodules === "init" || liesThere(path.join(mine.clone, ".git", "modules")))',
      'if (liesThere(path.join(mine.clone, ".git", "modules")))',
    ),
    edit(
      "container/git/clone.ts",
      'await ownFiles(path.join(mine.clone, ".git")); }',
      'if (git.place.submodules === "init") await initSubmodules({ ...place, store: folders.store }, mine.clone); }',
    ),
  ),
  mutant(
    "BOX-submodules_nested",
    "what a moved submodule names is fetched without the operator's rights",
    "it is fetched with them",
    edit("container/git/submodules.ts", "ours.filter((one) => taken.get(one) === there.get(one))", "ours"),
  ),
  mutant(
    "BOX-submodules",
    "what only an agent's .gitmodules names is fetched without the operator's rights",
    "it is fetched with them",
    edit("container/git/submodules.ts", "!known.has(url)", 'url === ""'),
    edit("container/git/submodules.ts", "named.filter(({ url }) => known.has(url))", "named"),
  ),
  mutant(
    "BOX-folders",
    "what is written anew in an agent's clone and home takes the place of whatever it made there",
    "it has to be a file",
    edit("container/git/clone.ts", "else if (isRealFolder(file)) rmSync(file, { recursive: true, force: true });", ""),
  ),
  mutant(
    "LFS-store",
    "a checkout of ours takes large files from the store alone",
    "from where the commit says",
    edit("container/git/clone.ts", "const args = [...FROM_STORE_ALONE, ", "const args = ["),
    edit(
      "container/git/clone.ts",
      'rmSync(path.join(mine.clone, ".git", "info"), { recursive: true, force: true });',
      "",
    ),
    edit("container/git/clone.ts", 'mkdirSync(path.join(mine.clone, ".git", "info"));', ""),
  ),
];
