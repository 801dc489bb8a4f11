import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Details } from "./board/drawer.tsx";
import { Board } from "./board/page.tsx";
import { RigPalette } from "./board/rig-palette.tsx";
import { RigTeller } from "./board/rig-teller.tsx";
import { Welcome } from "./board/welcome.tsx";
import { whenUnauthorized } from "./lib/api.ts";
import { useKeys } from "./lib/keys.ts";
import { openRig, type RigStore } from "./lib/rig-store.ts";
import { movedTo, paths, routeOf, type Route } from "./lib/routes.ts";
import { whenLetIn, type Entry } from "./lib/session.ts";
import { go, href, usePlace } from "./lib/url.ts";
import { RigContext, useRig } from "./lib/use-rig.ts";
import { TownPages } from "./pages/town.tsx";
import { Door } from "./ui/door.tsx";
import { DialogProvider, useDialog } from "./ui/dialogs.tsx";
import { Icon } from "./ui/icons.tsx";
import { KeysDialog } from "./ui/keys-dialog.tsx";
import { Btn, Go, Nothing } from "./ui/parts.tsx";
import { RigShell, TownShell } from "./ui/shell.tsx";
import { ToastProvider } from "./ui/toasts.tsx";

const Debugger = lazy(() => import("./debug/page.tsx"));
const BeadPage = lazy(() => import("./pages/bead.tsx"));
const LogPage = lazy(() => import("./pages/log.tsx"));
const RigSettings = lazy(() => import("./pages/rig-settings.tsx"));
const RunPage = lazy(() => import("./pages/run.tsx"));
const SincePage = lazy(() => import("./pages/since.tsx"));

/** @param entry what became of the code in the address, if there was one. */
export function App({ entry }: { entry: Entry }) {
  const { path, params } = usePlace();
  const moved = movedTo(path, params);
  useEffect(() => {
    if (moved !== null) go(moved, false);
  }, [moved]);
  const [tokens, setTokens] = useState(0);
  const [isOut, setOut] = useState(entry.how === "refused");
  const letIn = () => {
    setOut(false);
    setTokens((known) => known + 1);
  };
  useEffect(() => {
    whenUnauthorized(() => setOut(true));
    return whenLetIn(letIn);
  }, []);
  const route = routeOf(path, params);
  const rigId = moved === null ? route.rigId : null;
  const store = useStoreOf(isOut ? null : rigId, tokens);
  return (
    <ToastProvider>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <RigContext.Provider value={store}>
        {isOut ? (
          <TownShell route={route}>
            <main id="main" className="page" tabIndex={-1}>
              <Door why={entry.how === "refused" && tokens === 0 ? entry.why : null} onToken={letIn} />
            </main>
          </TownShell>
        ) : store === null ? (
          <NoRig route={route} isMoved={moved !== null} />
        ) : (
          <DialogProvider>
            <RigShell route={route} rigId={store.rigId}>
              <Trouble store={store} />
              <main id="main" tabIndex={-1}>
                <WhenReady>
                  <RigPage route={route} />
                  <Details />
                  <Keys rigId={store.rigId} />
                  <RigPalette />
                  <RigTeller />
                </WhenReady>
              </main>
              <KeysDialog />
            </RigShell>
          </DialogProvider>
        )}
      </RigContext.Provider>
    </ToastProvider>
  );
}

/** One store per rig, closed when another one is opened; a new token opens it again. */
function useStoreOf(rigId: string | null, tokens: number): RigStore | null {
  const store = useMemo(() => (rigId === null ? null : openRig(rigId)), [rigId, tokens]);
  useEffect(() => () => store?.close(), [store]);
  return store;
}

const Later = ({ children }: { children: React.ReactNode }) => <Suspense fallback={<Loading />}>{children}</Suspense>;

/** Pages of no rig. */
function NoRig({ route, isMoved }: { route: Route; isMoved: boolean }) {
  if (isMoved) return null;
  if (route.page !== "debug" && route.page !== "unknown") return <TownPages route={route} />;
  return (
    <TownShell route={route}>
      <main id="main" tabIndex={-1}>
        {route.page === "unknown" ? (
          <NotFound />
        ) : (
          <div className="page">
            <Later>
              <Debugger />
            </Later>
          </div>
        )}
      </main>
    </TownShell>
  );
}

const NotFound = () => (
  <div className="page narrow">
    <Nothing title="There is no such page">
      <p>
        <Go to={paths.overview} className="lk">
          All rigs
        </Go>
      </p>
    </Nothing>
  </div>
);

function RigPage({ route }: { route: Route }) {
  switch (route.page) {
    case "debug":
      return (
        <div className="page">
          <Later>
            <Debugger />
          </Later>
        </div>
      );
    case "bead":
      return (
        <Later>
          <BeadPage key={route.beadId} beadId={route.beadId} />
        </Later>
      );
    case "run":
      return (
        <Later>
          <RunPage />
        </Later>
      );
    case "log":
      return (
        <Later>
          <LogPage />
        </Later>
      );
    case "since":
      return (
        <Later>
          <SincePage />
        </Later>
      );
    case "rig-settings":
      return (
        <Later>
          <RigSettings />
        </Later>
      );
    case "rig":
      return <Board />;
    default:
      return <NotFound />;
  }
}

function WhenReady({ children }: { children: React.ReactNode }) {
  const { world, phase } = useRig();
  if (world !== null) return children;
  return phase === "failed" ? <Welcome /> : <Loading />;
}

const Loading = () => (
  <div className="page" role="status" aria-busy="true" aria-label="Loading">
    <div className="skeleton" style={{ height: 56 }} />
    <div className="skeleton" style={{ height: 320 }} />
  </div>
);

/** What keeps the board from being right. */
function Trouble({ store }: { store: RigStore }) {
  const { error } = useRig();
  if (error === null) return null;
  const text =
    error.status === 404
      ? `There is no rig ${store.rigId}, or it was deleted.`
      : error.status === 401
        ? "A token is needed to see this rig."
        : error.message;
  return (
    <div className="note bad" role="alert">
      <Icon name="warn" />
      <span className="grow">
        <b>{text}</b>
      </span>
      <Btn isSmall onClick={() => store.retry()}>
        Try again
      </Btn>
    </div>
  );
}

/** What a key does on every page of a rig. */
function Keys({ rigId }: { rigId: string }) {
  const ask = useDialog();
  useKeys("Everywhere", [
    { keys: "s", does: "Sling work", act: () => ask({ type: "sling" }) },
    { keys: "/", does: "Filter the work", act: () => document.getElementById("find")?.focus() },
    { keys: "g b", does: "The board", act: () => go(paths.rig(rigId)) },
    { keys: "g d", does: "The debugger", act: () => go(href(paths.debug, { rig: rigId })) },
  ]);
  return null;
}
