import { useEffect, useState } from "react";
import { Btn } from "./parts.tsx";

/** How long a button waits for the second click. */
const SURE_MS = 5_000;

/** A button for what cannot be taken back: it asks once, in its own place, and forgets that it was asked. */
export function SureBtn(
  props: Omit<React.ComponentProps<typeof Btn>, "onClick"> & { sure: string; onSure: () => void },
) {
  const { sure, onSure, children, ...rest } = props;
  const [isAsked, setAsked] = useState(false);
  useEffect(() => {
    if (!isAsked) return;
    const timer = setTimeout(() => setAsked(false), SURE_MS);
    return () => clearTimeout(timer);
  }, [isAsked]);
  return isAsked ? (
    <Btn
      {...rest}
      aria-label={undefined}
      kind="grave"
      onClick={() => {
        setAsked(false);
        onSure();
      }}
    >
      {sure}
    </Btn>
  ) : (
    <Btn {...rest} onClick={() => setAsked(true)}>
      {children}
    </Btn>
  );
}
