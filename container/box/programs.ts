/** Which files a program is made of, as far as they lie outside of the system's folders: they have to be seen in its box. */
import { realpathSync, statSync } from "node:fs";
import path from "node:path";

/** Of what is run, the part that the operator has chosen: never a text of a bead's, which may name any file. */
export function commandOf([program = "", flag, script = ""]: readonly string[]): string {
  return program === "sh" && flag === "-c" ? script : program;
}

/**
 * What of a command lies outside of the system's folders and has to be seen: files and folders that it names by their whole path, and
 * where the program that it begins with really is. Of a package of npm, all packages beside it, which it needs.
 */
export function programsIn(command: string, pathVariable: string): string[] {
  const named = Array.from(
    command.matchAll(/'(\/[^'\n]+)'|"(\/[^"\n$`]+)"|(?<![^\s='";&|(])(\/[^\s'"|&;<>()$`\\]+)/g),
    (found) => (found[1] ?? found[2] ?? found[3]) as string,
  );
  const [, program] = /^\s*(?:exec\s+)?([A-Za-z0-9_][^\s'"|&;<>()$`\\=]*)(?=\s|$)/.exec(command) ?? [];
  const onPath =
    program === undefined || program.includes("/")
      ? []
      : pathVariable
          .split(path.delimiter)
          .filter((dir) => path.isAbsolute(dir))
          .map((dir) => path.join(dir, program));
  return [...named, ...onPath.slice(0, PATH_FOLDERS_MAX)].slice(0, NAMED_MAX).flatMap((file) => {
    const real = realOf(file);
    return real === null ? [] : [file, packagesOf(real) ?? real];
  });
}

const NAMED_MAX = 200;
const PATH_FOLDERS_MAX = 100;

/** @returns null for what is not there, and for folders: a folder is shown by its name in `box_read` alone */
function realOf(file: string): string | null {
  try {
    const real = realpathSync(file);
    return statSync(real).isFile() ? real : null;
  } catch {
    return null;
  }
}

/** The outermost folder of packages that a file lies in. */
function packagesOf(file: string): string | null {
  const parts = file.split(path.sep);
  const at = parts.indexOf("node_modules");
  return at === -1 ? null : parts.slice(0, at + 1).join(path.sep);
}
