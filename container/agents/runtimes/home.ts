/** An agent's own home: what its program keeps, such as its conversations, and what is written there for it at each start. */
import { closeSync, lstatSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ownFolder } from "../../files.ts";
import { AGENT_HOME_MAX_BYTES } from "../../limits.ts";
import { bytesIn } from "../../place/disk.ts";
import { removeTree } from "../../place/remove.ts";

const PRIVATE_FILE = 0o600;

export interface HomeOptions {
  readonly home: string;
  /** By their path in the home. */
  readonly files: Readonly<Record<string, string>>;
  /** Paths in a person's home that hold a login, to be used as they are; none where a key is used. */
  readonly logins: readonly string[];
  /** That home; null: there is none. */
  readonly personHome: string | null;
  readonly warn: (message: string) => void;
  readonly max_bytes?: number;
}

/** Makes the home what the program is to find. @throws Error when it cannot be written */
export async function prepareHome(options: HomeOptions): Promise<void> {
  const { home, files, logins, personHome, warn, max_bytes = AGENT_HOME_MAX_BYTES } = options;
  if (((await bytesIn(home)) ?? 0) > max_bytes) {
    warn(`its home had more than ${max_bytes} bytes and was emptied: it begins a new conversation`);
    await removeTree(home);
  }
  ownFolder(path.dirname(home), path.basename(home));
  for (const [name, text] of Object.entries(files)) {
    ownFolder(home, path.dirname(name));
    writePrivate(path.join(home, name), text);
  }
  for (const name of logins)
    if (personHome !== null) {
      ownFolder(home, path.dirname(name));
      linkLogin(path.join(home, name), path.join(personHome, name));
    }
}

/** Whatever lay there before, also a link to somewhere else, is replaced in one step. */
function writePrivate(file: string, text: string): void {
  const draft = `${file}.ticktown`;
  rmSync(draft, { force: true });
  const fd = openSync(draft, "wx", PRIVATE_FILE);
  try {
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
}

/** A login that its program has renewed here is kept. */
function linkLogin(file: string, login: string): void {
  if (lstatSync(login, { throwIfNoEntry: false }) === undefined) return;
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === true) return;
  rmSync(file, { force: true });
  symlinkSync(login, file);
}
