import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseSync } from "vite";

/** Who may import whom: the one table that test/unit/imports.test.ts checks and docs/architecture.md prints. */

export interface Rule {
  /** A folder or file of the project; the longest that fits a file is its own. */
  readonly folder: string;
  readonly what: string;
  /** Folders or files beside itself; null: whatever it likes. */
  readonly may: readonly string[] | null;
  /** Packages, by name or by the beginning of one with a colon; null: whatever is installed. */
  readonly packages: readonly string[] | null;
}

export const RULES: readonly Rule[] = [
  {
    folder: "src/events",
    what: "facts, one row each; effects, settings and limits: zod schemas, one closed union each",
    may: [],
    packages: ["zod"],
  },
  {
    folder: "src/machines",
    what: "the charts, time, and `xstate.ts` with `xstate-guards.ts`, which alone know xstate's inside",
    may: ["src/events"],
    packages: ["xstate"],
  },
  {
    folder: "src/core",
    what: "the pure rest: decide, fold, route, world, schedule, repair, why, needs, invariants, replay, explain, verify",
    may: ["src/machines", "src/events"],
    packages: [],
  },
  {
    folder: "src/wire",
    what: "one schema per message of the Worker API and of the control server; the types are inferred from them",
    may: ["src/events"],
    packages: ["zod"],
  },
  {
    folder: "src/wire/container.ts",
    what: "the contract with the control server: with what it may import all of `src` that is in the container's image",
    may: ["src/events/place.ts", "src/events/refusal-code.ts", "src/wire/agent-reports.ts"],
    packages: ["zod"],
  },
  {
    folder: "src/wire/agent-reports.ts",
    what: "its part about agents and what they say, in the image as well",
    may: ["src/events/account.ts", "src/events/ending.ts"],
    packages: ["zod"],
  },
  {
    folder: "src/wire/diff.ts",
    what: "its part about what work changes, in the image as well",
    may: ["src/wire/container.ts"],
    packages: ["zod"],
  },
  {
    folder: "src/wire/inventory.ts",
    what: "its part about what a container has of a rig, in the image as well",
    may: ["src/wire/container.ts"],
    packages: ["zod"],
  },
  {
    folder: "src/wire/train.ts",
    what: "its part about trains, in the image as well",
    may: ["src/events/gate.ts", "src/wire/container.ts"],
    packages: ["zod"],
  },
  {
    folder: "src/do",
    what: "the host: commit, outbox, alarm, tick, patrol, rows, archive, streams, gateway; the Durable Object classes",
    may: ["src/core", "src/machines", "src/events", "src/wire"],
    packages: ["cloudflare:", "@cloudflare/containers", "hono", "zod"],
  },
  { folder: "src/api", what: "routes, tokens, the OpenAPI document", may: ["src"], packages: ["hono", "zod"] },
  { folder: "src/worker.ts", what: "the entry: fetch, cron, classes", may: ["src"], packages: [] },
  {
    folder: "container",
    what: "the control server and the demo agent; a Node program, no part of the Worker",
    may: [
      "src/events/backoff.ts",
      "src/events/budget.ts",
      "src/events/choice.ts",
      "src/events/dispatch-id.ts",
      "src/events/runtimes.ts",
      "src/wire/agent-reports.ts",
      "src/wire/container.ts",
      "src/wire/diff.ts",
      "src/wire/inventory.ts",
      "src/wire/train.ts",
      "src/wire/env-names.ts",
    ],
    packages: ["node:", "hono", "@hono/node-server", "ws", "zod"],
  },
  {
    folder: "dashboard",
    what: "the board and the debugger; they fold with the rig's own core",
    may: ["src/core", "src/machines", "src/events", "src/wire", "docs/statecharts"],
    packages: ["react", "react-dom", "@mantine/core", "@mantine/hooks", "@tanstack/react-virtual", "uplot", "zod"],
  },
  {
    folder: "dashboard/vite.config.ts",
    what: "how the pages are built",
    may: [],
    packages: null,
  },
  {
    folder: "cli",
    what: "`ticktown`: its verbs in one table, and what is made of it; a client of the API, like any other",
    may: ["scripts/stack", "scripts/verify", "src/core", "src/events", "src/wire", "container/files.ts"],
    packages: ["node:", "commander", "zod", "@modelcontextprotocol/sdk"],
  },
  {
    folder: "scripts",
    what: "`npm start`, `npm run demo` and tools; `scripts/stack` starts a whole Ticktown on one machine",
    may: null,
    packages: null,
  },
  { folder: "bench", what: "what things cost, by the clock", may: null, packages: null },
  {
    folder: "test",
    what: "beside each other by kind: `unit`, `sim`, `workers` (in workerd), `container`, `e2e`",
    may: null,
    packages: null,
  },
];

const isIn = (file: string, folder: string): boolean => file === folder || file.startsWith(`${folder}/`);

/** The rule of a file. */
export const ruleOf = (file: string): Rule | undefined =>
  RULES.filter(({ folder }) => isIn(file, folder)).sort((a, b) => b.folder.length - a.folder.length)[0];

interface Node {
  readonly type: string;
}
const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/** What is imported by a name that is worked out while the program runs: nobody can say what that is. */
export const UNKNOWN = "(worked out at run time)";

/** The text of a literal, also of one in backticks without anything in it. */
function textOf(value: unknown): string {
  const {
    type,
    value: text,
    quasis,
  } = value as { type: string; value?: unknown; quasis?: { value: { cooked: string } }[] };
  if (type === "Literal" && typeof text === "string") return text;
  if (type === "TemplateLiteral" && quasis?.length === 1) return quasis[0]?.value.cooked ?? UNKNOWN;
  return type === "TSLiteralType" ? textOf((value as { literal: unknown }).literal) : UNKNOWN;
}

/** The source of a node that imports something, or null. */
function sourceOf(node: Node): unknown {
  const { source, expression, callee, arguments: given } = node as unknown as Record<string, unknown>;
  if (/^(Import|ExportNamed|ExportAll)Declaration$|^(ImportExpression|TSImportType)$/.test(node.type))
    return source ?? null;
  if (node.type === "TSExternalModuleReference") return expression;
  const isRequire = node.type === "CallExpression" && (callee as { name?: string }).name === "require";
  return isRequire ? (given as unknown[])[0] : null;
}

/** What a source imports, statically or not, types included, however it is written. @param file its name, for its language */
export function importsOf(source: string, file = "a.tsx"): string[] {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) walk(one);
    if (!isNode(value)) return;
    const from = sourceOf(value);
    if (from !== null && from !== undefined) found.push(textOf(from));
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(parseSync(file, source).program);
  return found;
}

/** Why a file may not import something, or null. @param file its path from the project's root. */
export function forbids(file: string, imported: string): string | null {
  const rule = ruleOf(file);
  if (rule === undefined) return `${file} is in no folder of scripts/imports.ts`;
  if (imported === UNKNOWN && rule.packages !== null) return `${file} imports what nobody can know before it runs`;
  if (!imported.startsWith(".")) {
    const isKnown = rule.packages?.some((name) =>
      name.endsWith(":") ? imported.startsWith(name) : isIn(imported, name),
    );
    return isKnown === false
      ? `${file} imports ${imported}, but ${rule.folder} may use ${listed(rule.packages)}`
      : null;
  }
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), imported));
  if (isIn(target, rule.folder) || rule.may === null) return null;
  return rule.may.some((folder) => isIn(target, folder))
    ? null
    : `${file} imports ${target}, but ${rule.folder} may import ${listed(rule.may)}`;
}

const listed = (names: readonly string[] | null): string =>
  names === null ? "anything" : names.length === 0 ? "nothing else" : names.join(", ");

/** Source files below a folder, as paths from the root. */
export function sourcesIn(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    .filter((file) => !file.includes("node_modules/"))
    .sort();
}

/** Folders at the root that hold no sources of ours. */
const NO_SOURCES = new Set(["node_modules", "dist", "out", "docs"]);

/** All that is imported against the rules, and all sources that no rule is for, in words. */
export function violations(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !NO_SOURCES.has(entry.name))
    .flatMap(({ name }) => sourcesIn(root, name))
    .flatMap((file) =>
      ruleOf(file) === undefined
        ? [`${file} is in no folder of scripts/imports.ts`]
        : importsOf(readFileSync(path.join(root, file), "utf8"), file).map((imported) => forbids(file, imported)),
    )
    .filter((said) => said !== null);
}

/** A file and all files of the project that it imports, near or far. */
export function closureOf(root: string, entry: string, known = new Set<string>()): ReadonlySet<string> {
  if (known.has(entry) || !existsSync(path.join(root, entry))) return known;
  known.add(entry);
  for (const imported of importsOf(readFileSync(path.join(root, entry), "utf8"), entry))
    if (imported.startsWith(".")) closureOf(root, path.posix.join(path.posix.dirname(entry), imported), known);
  return known;
}

/** The table for docs/architecture.md. */
export function table(): string {
  const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");
  return [
    "| folder | what | may import | packages |",
    "| --- | --- | --- | --- |",
    ...RULES.map(
      ({ folder, what, may, packages }) =>
        `| \`${folder}\` | ${what} | ${may === null ? "anything" : code(may) || "itself"} | ${packages === null ? "any" : code(packages) || "none"} |`,
    ),
  ].join("\n");
}
