import type { WhatIf } from "../../../src/core/explain.ts";
import type { JournalEntry } from "../../../src/core/journal.ts";
import type { World } from "../../../src/core/world.ts";
import type { BoardActor } from "../../../src/wire/board.ts";
import type { Pending } from "../../../src/wire/schemas.ts";
import { api, get, request, rigPath } from "../lib/api.ts";
import type { RigStore } from "../lib/rig-store.ts";
import { worldOf } from "../lib/world.ts";
import type { Source } from "./source.ts";

/** The past of a rig that is asked for it. */

interface State {
  readonly seq: number;
  readonly at: number;
  readonly actors: readonly BoardActor[];
  readonly broken: readonly (readonly [string, string])[];
}

/** Worlds and pages that were asked for are kept: a scrubber comes back to them. */
const WORLDS_KEPT = 40;
const PAGE = 200;

export function liveSource(store: RigStore): Source {
  const worlds = new Map<number, Promise<World>>();
  const pages = new Map<number, Promise<readonly JournalEntry[]>>();
  const page = (n: number): Promise<readonly JournalEntry[]> => {
    const known = pages.get(n);
    if (known !== undefined) return known;
    const asked = request("GET", rigPath(store.rigId, `/journal?after=${n * PAGE}&limit=${PAGE}`))
      .then((response) => response.text())
      .then((text) =>
        text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as JournalEntry),
      );
    pages.set(n, asked);
    // A page that is not full will have more later.
    asked.then(
      (entries) => entries.length < PAGE && pages.delete(n),
      () => pages.delete(n),
    );
    return asked;
  };
  return {
    name: store.rigId,
    last: () => store.get().world?.seq ?? 0,
    async entries(from, through) {
      const recent = store.get().entries;
      const first = recent[0]?.fact.seq ?? Number.MAX_SAFE_INTEGER;
      if (from >= first) return recent.slice(from - first, through - first + 1);
      const found: JournalEntry[] = [];
      for (let n = Math.floor((from - 1) / PAGE); n * PAGE < through; n++) found.push(...(await page(n)));
      return found.filter(({ fact }) => fact.seq >= from && fact.seq <= through);
    },
    committed(seq) {
      const known = worlds.get(seq);
      if (known !== undefined) return known;
      const asked = get<State>(rigPath(store.rigId, `/state?seq=${seq}`)).then(worldOf);
      worlds.set(seq, asked);
      asked.catch(() => worlds.delete(seq));
      if (worlds.size > WORLDS_KEPT) worlds.delete(worlds.keys().next().value ?? -1);
      return asked;
    },
    whatIf: (seq, fact, at) => api<WhatIf>("POST", rigPath(store.rigId, "/what-if"), { fact, seq, at }),
    outbox: () => get<Pending[]>(rigPath(store.rigId, "/outbox")),
  };
}
