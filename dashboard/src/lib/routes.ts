/**
 * The addresses of all pages. What a page shows is in its address: which page and of what in the path, how it is looked at (a
 * filter, an order, an interval, what is open beside it) in the query. So a link opens the same for somebody else.
 */

export type Route =
  | { readonly page: "overview" | "needs" | "new" | "settings"; readonly rigId: null }
  | { readonly page: "rig" | "run" | "since" | "log" | "rig-settings"; readonly rigId: string }
  | { readonly page: "bead"; readonly rigId: string; readonly beadId: string }
  /** The debugger's rig stands in its query; a file needs none. */
  | { readonly page: "debug"; readonly rigId: string | null }
  | { readonly page: "unknown"; readonly rigId: null };

const id = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%40", "@");

/** Where things are. */
export const paths = {
  overview: "/",
  needs: "/needs",
  newRig: "/new",
  settings: "/settings",
  debug: "/debug",
  rig: (rigId: string) => `/rigs/${id(rigId)}`,
  bead: (rigId: string, beadId: string) => `/rigs/${id(rigId)}/beads/${id(beadId)}`,
  run: (rigId: string) => `/rigs/${id(rigId)}/run`,
  since: (rigId: string) => `/rigs/${id(rigId)}/since`,
  log: (rigId: string) => `/rigs/${id(rigId)}/log`,
  rigSettings: (rigId: string) => `/rigs/${id(rigId)}/settings`,
} as const;

const OF_NO_RIG = { "/": "overview", "/needs": "needs", "/new": "new", "/settings": "settings" } as const;
const OF_A_RIG = { run: "run", since: "since", log: "log", settings: "rig-settings" } as const;
const UNKNOWN: Route = { page: "unknown", rigId: null };

/** Null where the text is no address. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export function routeOf(path: string, params: URLSearchParams): Route {
  const plain = path.length > 1 ? path.replace(/\/+$/, "") : path;
  if (plain === "/debug") return { page: "debug", rigId: params.get("rig") };
  if (plain in OF_NO_RIG) return { page: OF_NO_RIG[plain as keyof typeof OF_NO_RIG], rigId: null };
  const parts = plain.split("/").slice(1).map(decoded);
  const [first, rigId, rest, beadId] = parts;
  if (first !== "rigs" || rigId == null || rigId === "" || parts.includes(null)) return UNKNOWN;
  if (rest == null) return { page: "rig", rigId };
  if (rest === "beads" && beadId != null && beadId !== "" && parts.length === 4) return { page: "bead", rigId, beadId };
  return parts.length === 3 && rest in OF_A_RIG ? { page: OF_A_RIG[rest as keyof typeof OF_A_RIG], rigId } : UNKNOWN;
}

/** Where an address of an earlier version is now; null: it is one of this one. Links that were sent long ago still open. */
export function movedTo(path: string, params: URLSearchParams): string | null {
  const rigId = params.get("rig");
  if (path !== "/" || rigId === null || rigId === "") return null;
  const show = params.get("show");
  const query = show === null || show === "" ? "" : `?show=${id(show)}`;
  return `${paths.rig(rigId)}${query}`;
}
