import { Button } from "@mantine/core";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Board } from "./board/page.tsx";
import { lastRig, rememberRig, Welcome } from "./board/welcome.tsx";
import { whenUnauthorized } from "./lib/api.ts";
import { openRig, type RigStore } from "./lib/rig-store.ts";
import { whenLetIn, type Entry } from "./lib/session.ts";
import { go, href, usePlace } from "./lib/url.ts";
import { RigContext, useRig } from "./lib/use-rig.ts";
import { Bar, RigBar } from "./ui/bar.tsx";
import { Door } from "./ui/door.tsx";
import { DialogProvider, useDialog } from "./ui/dialogs.tsx";
import { ToastProvider } from "./ui/toasts.tsx";

const Debugger = lazy(() => import("./debug/page.tsx"));

/** @param entry what became of the code in the address, if there was one. */
export function App({ entry }: { entry: Entry }) {
  const { path, params } = usePlace();
  const isDebugger = path === "/debug";
  const isFile = isDebugger && params.get("file") !== null;
  const named = params.get("rig");
  const rigId = named ?? (isFile ? null : lastRig());
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
  useEffect(() => {
    if (named === null && rigId !== null) go(href(path, { rig: rigId }, params), false);
    if (rigId !== null) rememberRig(rigId);
  }, [rigId, named]);
  const store = useStoreOf(isOut ? null : rigId, tokens);
  return (
    <ToastProvider>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <RigContext.Provider value={store}>
        {isOut ? (
          <>
            <Bar rigId={null} />
            <main id="main" className="page" tabIndex={-1}>
              <Door why={entry.how === "refused" && tokens === 0 ? entry.why : null} onToken={letIn} />
            </main>
          </>
        ) : store === null ? (
          <>
            <Bar rigId={null} />
            <main id="main" className="page" tabIndex={-1}>
              {isDebugger ? (
                <Suspense fallback={<Loading />}>
                  <Debugger />
                </Suspense>
              ) : (
                <Welcome path="/" />
              )}
            </main>
          </>
        ) : (
          <DialogProvider>
            <Bar rigId={rigId}>
              <RigBar />
            </Bar>
            <main id="main" className="page" tabIndex={-1}>
              <Trouble store={store} />
              <WhenReady>
                {isDebugger ? (
                  <Suspense fallback={<Loading />}>
                    <Debugger />
                  </Suspense>
                ) : (
                  <Board />
                )}
                <Keys />
              </WhenReady>
            </main>
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

function WhenReady({ children }: { children: React.ReactNode }) {
  const { world, phase } = useRig();
  if (world !== null) return children;
  return phase === "failed" ? <Welcome path="/" /> : <Loading />;
}

const Loading = () => (
  <div aria-busy="true" aria-label="Loading">
    <div className="skeleton" style={{ height: 64 }} />
    <div className="skeleton" />
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
    <div className="notice bad" role="alert">
      <span>
        <b>{text}</b>
      </span>
      <Button size="compact-sm" variant="default" onClick={() => store.retry()}>
        Try again
      </Button>
    </div>
  );
}

/** `s` slings, `/` searches, `d` goes to the debugger and `b` back to the board. */
function Keys() {
  const ask = useDialog();
  const { params } = usePlace();
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (
        event.metaKey ||
        event.ctrlKey ||
        event.altKey ||
        target.closest("input, textarea, select, [contenteditable], [role=dialog]") !== null
      )
        return;
      const rig = params.get("rig");
      const does: Record<string, () => void> = {
        s: () => ask({ type: "sling" }),
        "/": () => document.getElementById("find")?.focus(),
        d: () => go(href("/debug", { rig })),
        b: () => go(href("/", { rig })),
      };
      const act = does[event.key];
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [ask, params]);
  return null;
}
