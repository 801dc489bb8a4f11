import { lazy, Suspense, useEffect } from "react";
import { paths, type Route } from "../lib/routes.ts";
import { forget, needPath, tell, tellNothing } from "../lib/tell.ts";
import { duration, timeOfDay, useSeconds } from "../lib/time.ts";
import { go } from "../lib/url.ts";
import { useOverview, type Overseen } from "../lib/use-overview.ts";
import { useKeys } from "../lib/keys.ts";
import { KNOWN_RIGS } from "../board/known-rigs.ts";
import { useCursor } from "../ui/cursor.ts";
import { Icon } from "../ui/icons.tsx";
import { KeysDialog } from "../ui/keys-dialog.tsx";
import { matches, Palette, type Found } from "../ui/palette.tsx";
import { Btn } from "../ui/parts.tsx";
import { TownShell } from "../ui/shell.tsx";
import { Overview } from "./overview.tsx";

const Needs = lazy(() => import("./needs.tsx"));
const NewRig = lazy(() => import("./new-rig.tsx"));
const Settings = lazy(() => import("./settings.tsx"));

/** The pages over all rigs: one request that is held open tells of all of them. */
export function TownPages({ route }: { route: Route }) {
  const seen = useOverview();
  useTelling(seen);
  useCursor();
  useKeys("Everywhere", [
    { keys: "g r", does: "All rigs", act: () => go(paths.overview) },
    { keys: "g N", does: "Needs of all rigs", act: () => go(paths.needs) },
  ]);
  useEffect(() => {
    document.documentElement.dataset["line"] = seen.lostAt === null ? "live" : "stale";
    return () => void delete document.documentElement.dataset["line"];
  }, [seen.lostAt]);
  return (
    <TownShell route={route} live={<Line seen={seen} />}>
      <Lost seen={seen} />
      <main id="main" tabIndex={-1}>
        <Suspense>
          {route.page === "overview" && <Overview seen={seen} />}
          {route.page === "needs" && <Needs seen={seen} />}
          {route.page === "new" && <NewRig />}
          {route.page === "settings" && <Settings />}
        </Suspense>
      </main>
      <KeysDialog />
      <Palette find={find} />
    </TownShell>
  );
}

function useTelling({ overview }: Overseen): void {
  useEffect(() => {
    if (overview === null) return;
    const byRig = new Map<string, (typeof overview.needs)[number][]>(overview.rigs.map(({ id }) => [id, []]));
    for (const need of overview.needs) if (need.level === "now") byRig.get(need.rig_id)?.push(need);
    const all = [...byRig].flatMap(([rigId, needs]) => {
      forget(rigId, new Set(needs.map(({ key }) => key)));
      return needs.map((need) => ({
        of: rigId,
        key: need.key,
        title: `${need.title} · ${need.rig_name}`,
        text: need.text,
        to: needPath(rigId, need.key),
      }));
    });
    tell(null, all, overview.totals.needs.now);
  }, [overview]);
  useEffect(() => tellNothing, []);
}

function Line({ seen: { overview, lostAt, retry } }: { seen: Overseen }) {
  const now = useSeconds();
  if (lostAt !== null)
    return (
      <button type="button" className="live lost" onClick={retry}>
        <Icon name="stale" />
        Stale for {duration(now - lostAt)}
      </button>
    );
  return (
    <span
      className={`live${overview === null ? " quiet" : ""}`}
      title="Told when something changes; no rig is woken for it"
    >
      <Icon name="live" />
      {overview === null ? "Connecting" : "Live"}
    </span>
  );
}

function Lost({ seen: { lostAt, error, retry } }: { seen: Overseen }) {
  if (lostAt === null) return null;
  return (
    <div className="note bad" role="status">
      <Icon name="stale" />
      <span className="grow">
        <b>Not live since {timeOfDay(lostAt)}.</b> {error}
      </span>
      <Btn isSmall onClick={retry}>
        Try now
      </Btn>
    </div>
  );
}

const PAGES: readonly (readonly [string, string, Found["icon"]])[] = [
  ["All rigs", paths.overview, "board"],
  ["Needs of all rigs", paths.needs, "warn"],
  ["New rig…", paths.newRig, "plus"],
  ["Notifications and sound", paths.settings, "bell"],
];

function find(typed: string): Found[] {
  const page = (section: string, text: string, to: string, icon: Found["icon"]): Found => ({
    key: to,
    section,
    icon,
    text,
    act: () => go(to),
  });
  return [
    ...KNOWN_RIGS.map(({ id, name }) => page("Rigs", name, paths.rig(id), "board")),
    ...PAGES.map(([text, to, icon]) => page("Go to", text, to, icon)),
  ].filter(({ text }) => matches(text, typed));
}
