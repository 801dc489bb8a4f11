import { useSyncExternalStore } from "react";

/** How a list's rows are laid out: as wide as they are, on a short screen lower, on a phone in two lines. */
export type Screen = "phone" | "short" | "desk" | "wide";

const PHONE = matchMedia("(max-width: 700px)");
const SHORT = matchMedia("(max-height: 760px)");
const WIDE = matchMedia("(min-width: 1800px)");
const ALL = [PHONE, SHORT, WIDE];
const read = (): Screen => {
  if (PHONE.matches) return "phone";
  if (WIDE.matches) return "wide";
  return SHORT.matches ? "short" : "desk";
};

export const useScreen = (): Screen =>
  useSyncExternalStore((listener) => {
    for (const query of ALL) query.addEventListener("change", listener);
    return () => {
      for (const query of ALL) query.removeEventListener("change", listener);
    };
  }, read);

export const ROW_PX: Record<Screen, number> = { phone: 54, short: 28, desk: 32, wide: 32 };
export const HEAD_PX = 26;
