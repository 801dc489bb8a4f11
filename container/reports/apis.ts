/** Where each rig's API is now: it may have moved since something was saved for it. */

/** `<base>/api/rigs/<rig>/...`, as rig-api.ts writes it. */
const OF_RIG = /^(.*?)(\/api\/rigs\/([^/]+)\/.*)$/;

export interface Apis {
  /** A request for the rig says where its API is. */
  readonly note: (rigId: string, apiUrl: string | undefined) => void;
  /** As the newest request for the rig said; null: none has, since this server was started. */
  readonly of: (rigId: string) => string | null;
  /** Where a report to this URL may be taken, in the order in which it is tried. */
  readonly placesOf: (url: string) => string[];
  /** Called with a rig whose API has moved. */
  readonly onMoved: (listener: (rigId: string) => void) => void;
}

/** @param configured where the API is of rigs whose requests do not say it */
export function createApis(configured: string | null): Apis {
  const noted = new Map<string, string>();
  const listeners: ((rigId: string) => void)[] = [];
  const of = (rigId: string): string | null => noted.get(rigId) ?? null;
  return {
    note: (rigId, apiUrl) => {
      if (apiUrl === undefined || apiUrl === "" || noted.get(rigId) === apiUrl) return;
      noted.set(rigId, apiUrl);
      for (const listener of listeners) listener(rigId);
    },
    of,
    placesOf: (url) => {
      const [, , path = "", rig = ""] = OF_RIG.exec(url) ?? [];
      if (path === "") return [url];
      const now = of(decodeURIComponent(rig));
      const at = (base: string): string => `${base.replace(/\/+$/, "")}${path}`;
      const places = now !== null ? [at(now), url] : configured !== null ? [url, at(configured)] : [url];
      return [...new Set(places)];
    },
    onMoved: (listener) => void listeners.push(listener),
  };
}
