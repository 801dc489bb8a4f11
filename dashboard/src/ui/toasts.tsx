import { CloseButton } from "@mantine/core";
import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from "react";
import { messageOf } from "../lib/api.ts";

/** Short messages that say what was done, or why it was not. */

interface Toast {
  readonly id: number;
  readonly tone: "good" | "bad";
  readonly title: string;
  readonly text: string;
}
interface Toasts {
  /** Says it. */
  say(title: string, text?: string): void;
  /** Says that something was not done, and why. */
  refuse(title: string, text: string): void;
  /** Runs an action and says what came of it; answers whether it was done. */
  act(doing: () => Promise<{ title: string; text?: string }>, failed: string): Promise<boolean>;
}

const ToastContext = createContext<Toasts | null>(null);
const SHOWN_MS = 7_000;
/** A refusal has more to read. */
const REFUSED_MS = 14_000;

export function useToasts(): Toasts {
  const toasts = useContext(ToastContext);
  if (toasts === null) throw new Error("there are no toasts here");
  return toasts;
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const ids = useRef(0);
  const drop = useCallback((id: number) => setToasts((now) => now.filter((toast) => toast.id !== id)), []);
  const add = useCallback(
    (tone: Toast["tone"], title: string, text: string) => {
      const id = ++ids.current;
      setToasts((now) => [...now.slice(-4), { id, tone, title, text }]);
      setTimeout(() => drop(id), tone === "good" ? SHOWN_MS : REFUSED_MS);
    },
    [drop],
  );
  const value = useMemo<Toasts>(
    () => ({
      say: (title, text = "") => add("good", title, text),
      refuse: (title, text) => add("bad", title, text),
      async act(doing, failed) {
        try {
          const { title, text = "" } = await doing();
          add("good", title, text);
          return true;
        } catch (error) {
          add("bad", failed, messageOf(error));
          return false;
        }
      },
    }),
    [add],
  );
  return (
    <ToastContext.Provider value={value}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={`toast ${toast.tone}`}>
            <div>
              <b>{toast.title}</b>
              {toast.text}
            </div>
            <CloseButton size="sm" aria-label="Dismiss" onClick={() => drop(toast.id)} />
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  );
}
