import { Button } from "@mantine/core";
import { useState, type FormEvent, type ReactNode } from "react";
import type * as actions from "../lib/actions.ts";
import { useToasts } from "./toasts.tsx";

/** A form that runs one action, closes when it is done, and stays open with its text when it is refused. */
export function ActionForm({
  children,
  yes,
  failed,
  doing,
  close,
  isReady = true,
  isGrave = false,
}: {
  children: ReactNode;
  yes: string;
  failed: string;
  doing: () => Promise<actions.Done>;
  close: () => void;
  isReady?: boolean;
  isGrave?: boolean;
}) {
  const toasts = useToasts();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    if (await toasts.act(doing, failed)) close();
    else setBusy(false);
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="stack">
      {children}
      <div className="row" style={{ justifyContent: "flex-end" }}>
        <Button variant="default" onClick={close}>
          Not now
        </Button>
        <Button type="submit" loading={isBusy} disabled={!isReady} {...(isGrave ? { color: "red.8" } : {})}>
          {yes}
        </Button>
      </div>
    </form>
  );
}
