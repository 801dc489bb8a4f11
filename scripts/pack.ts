/**
 * `npm run pack`: makes ticktown-VERSION.tgz, which installs with git and Node alone: compiled, the Worker and its pages built, no wrangler.
 * node scripts/pack.ts [--to DIR]
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { build } from "vite";
import { importsOf, sourcesIn } from "./imports.ts";
import { bundleOfWorker } from "./stack/bundle.ts";
import { PROJECT } from "./stack/project.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** As the oldest version that runs what is compiled. */
const NODE = ">=22.12";

const say = (line: string): void => void process.stderr.write(`ticktown: ${line}\n`);
const json = <T>(file: string): T => JSON.parse(readFileSync(file, "utf8")) as T;

/** The version of workerd that wrangler brings: what the tests ran with. */
function versionOfWorkerd(): string {
  const wrangler = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"));
  return json<{ version: string }>(wrangler.resolve("workerd/package.json")).version;
}

/** What compiled sources import, by the package's name; versions are the project's own. @throws Error for one that the project does not have */
function dependenciesOf(folder: string, { dependencies, devDependencies }: Manifest): Record<string, string> {
  const names = sourcesIn(folder, ".")
    .flatMap((file) => importsOf(readFileSync(path.join(folder, file), "utf8"), "a.js"))
    .filter((name) => !name.startsWith(".") && !name.startsWith("node:"))
    .map((name) =>
      name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/"),
    );
  const versions = { ...devDependencies, ...dependencies, workerd: versionOfWorkerd() };
  const wanted = [...new Set([...names, "workerd"])].toSorted();
  return Object.fromEntries(
    wanted.map((name) => {
      const version = versions[name as keyof typeof versions];
      if (version === undefined) throw new Error(`${name} is imported, and no dependency of the project`);
      return [name, version];
    }),
  );
}

interface Locked {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

/** The project's lock, as far as it goes for what is packed: whoever installs it gets what was tested, each file by its checksum. */
function shrinkwrap(packed: {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Record<string, string>;
}): object {
  const { packages } = json<{ packages: Record<string, Locked> }>(path.join(PROJECT, "package-lock.json"));
  const kept = new Map<string, Locked>();
  const keep = (name: string, isOptional: boolean): void => {
    const at = `node_modules/${name}`;
    const locked = packages[at];
    if (locked === undefined) throw new Error(`${name} is not in package-lock.json`);
    if (kept.has(at)) return;
    const { dev: _dev, devOptional: _devOptional, optional: _optional, ...rest } = locked;
    kept.set(at, isOptional ? { ...rest, optional: true } : rest);
    for (const inner of Object.keys(locked.dependencies ?? {})) keep(inner, isOptional);
    for (const inner of Object.keys(locked.optionalDependencies ?? {})) keep(inner, true);
  };
  for (const name of Object.keys(packed.dependencies)) keep(name, false);
  const { name, version } = packed;
  return { name, version, lockfileVersion: 3, requires: true, packages: { "": packed, ...Object.fromEntries(kept) } };
}

/** What is used of a development dependency is put into the file that alone imports it. */
async function bundled(folder: string, file: string): Promise<void> {
  await build({
    configFile: false,
    root: PROJECT,
    logLevel: "warn",
    ssr: { noExternal: true },
    build: {
      ssr: path.join(PROJECT, `${file}.ts`),
      outDir: path.dirname(path.join(folder, file)),
      emptyOutDir: false,
      license: { fileName: `${path.basename(file)}.licenses.md` },
      rolldownOptions: { output: { entryFileNames: `${path.basename(file)}.js` } },
    },
  });
}

/** Makes the folder that is packed. @returns its path */
export async function makeFolder(): Promise<string> {
  const folder = path.join(PROJECT, "dist", "package");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const tsc = path.join(PROJECT, "node_modules", ".bin", "tsc");
  execFileSync(tsc, ["-p", "tsconfig.package.json"], { cwd: PROJECT, stdio: ["ignore", 2, 2] });
  await bundled(folder, "cli/mcp/sdk");
  // What needs no compiler.
  const plain = sourcesIn(PROJECT, "container").filter((name) => name.endsWith(".mjs"));
  for (const file of [...plain, "container/box/opener.pl"]) cpSync(path.join(PROJECT, file), path.join(folder, file));
  const manifest = json<Manifest>(path.join(PROJECT, "package.json"));
  const dependencies = dependenciesOf(folder, manifest);
  const { file, compatibilityDate, pages } = bundleOfWorker(say);
  cpSync(file, path.join(folder, "worker.js"));
  cpSync(pages, path.join(folder, "pages"), { recursive: true });
  writeFileSync(path.join(folder, "worker.json"), `${JSON.stringify({ compatibilityDate })}\n`);
  for (const name of ["LICENSE", "README.md"]) cpSync(path.join(PROJECT, name), path.join(folder, name));
  cpSync(path.join(PROJECT, "docs", "cli.md"), path.join(folder, "docs", "cli.md"));
  const { name, version, description, license } = manifest;
  const packed = {
    name,
    version,
    description,
    license,
    type: "module",
    bin: { ticktown: "cli/ticktown.js" },
    engines: { node: NODE },
    os: ["linux", "darwin"],
    cpu: ["x64", "arm64"],
    dependencies,
  };
  const write = (name: string, value: object): void =>
    writeFileSync(path.join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  write("package.json", packed);
  write("npm-shrinkwrap.json", shrinkwrap(packed));
  return folder;
}

/** @returns the file, ready to be installed */
export async function pack(to: string): Promise<string> {
  const folder = await makeFolder();
  const said = execFileSync("npm", ["pack", folder, "--json", "--ignore-scripts", "--pack-destination", to], {
    cwd: PROJECT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", 2],
  });
  const [{ filename } = { filename: "" }] = JSON.parse(said) as { filename: string }[];
  return path.join(to, filename);
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({ options: { to: { type: "string" } } });
  process.stdout.write(`${await pack(path.resolve(process.env["INIT_CWD"] ?? process.cwd(), values.to ?? "."))}\n`);
}
