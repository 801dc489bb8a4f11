/** What workerd is told: one Worker with its objects on disk, its pages, and the way to its control server. */

export interface WorkerdConfig {
  /** The bundle, beside the file that this text is written to. */
  readonly bundle: string;
  readonly compatibilityDate: string;
  /** Where the API and the pages are served: `127.0.0.1:8787`. */
  readonly address: string;
  /** The folder of the objects' databases. */
  readonly objects: string;
  /** The folder of the built pages. */
  readonly pages: string;
  /** Names of variables that the Worker finds in its `env`. Their values are in workerd's environment, not here. */
  readonly variables: readonly string[];
  /** The control server's unix socket, or null when the Worker is told its URL by a variable. */
  readonly controlSocket: string | null;
}

/**
 * Class names and the keys from which their objects' ids are derived. `wrangler dev`, which ran the Worker before, made them of
 * the Worker's and the class's name: kept as they are, its state folders go on being read.
 */
export const OBJECTS = [
  { binding: "RIG", className: "RigDO", uniqueKey: "ticktown-RigDO" },
  { binding: "USER", className: "UserDO", uniqueKey: "ticktown-UserDO" },
  { binding: "TOWN_CONTAINER", className: "TownContainer", uniqueKey: "ticktown-TownContainer" },
];

/** @returns the text of a configuration in Cap'n Proto's notation */
export function workerdConfig(config: WorkerdConfig): string {
  const { address, objects, pages, variables, controlSocket } = config;
  const services = [
    `(name = "ticktown", worker = .ticktown)`,
    `(name = "objects", disk = (path = ${quoted(objects)}, writable = true))`,
    `(name = "pages", disk = (path = ${quoted(pages)}))`,
    // A webhook may be anywhere, and a control server that somebody named on the command line as well.
    `(name = "network", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true)))`,
    ...(controlSocket === null
      ? []
      : [`(name = "control", external = (address = ${quoted(`unix:${controlSocket}`)}, http = ()))`]),
  ];
  const bindings = [
    ...OBJECTS.map(({ binding, className }) => `(name = "${binding}", durableObjectNamespace = "${className}")`),
    `(name = "PAGES", service = "pages")`,
    ...(controlSocket === null ? [] : [`(name = "CONTAINER", service = "control")`]),
    ...variables.map((name) => `(name = ${quoted(name)}, fromEnvironment = ${quoted(name)})`),
  ];
  const namespaces = OBJECTS.map(
    ({ className, uniqueKey }) => `(className = "${className}", uniqueKey = "${uniqueKey}", enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = ${list(services)},
  sockets = [(name = "http", address = ${quoted(address)}, http = (), service = "ticktown")],
);

const ticktown :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${quoted(config.bundle)})],
  compatibilityDate = ${quoted(config.compatibilityDate)},
  globalOutbound = "network",
  durableObjectNamespaces = ${list(namespaces)},
  durableObjectStorage = (localDisk = "objects"),
  bindings = ${list(bindings)},
);
`;
}

const list = (items: readonly string[]): string => `[\n${items.map((item) => `    ${item},\n`).join("")}  ]`;

/** A text literal; what it cannot hold as it is, goes in as its bytes. */
function quoted(text: string): string {
  const bytes = Array.from(Buffer.from(text), (byte) => {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    return isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `"${bytes.join("")}"`;
}
