import { useEffect, useState } from "react";
import type * as z from "zod";
import type { Town as TownSchema } from "../../../src/wire/schemas.ts";
import { get } from "./api.ts";

/** Whose rigs this browser lists: typed once, and remembered. */

const USER = "ticktown.user";

export const whoseRigs = (): string => localStorage.getItem(USER) ?? "local";
export const rememberUser = (userId: string): void => localStorage.setItem(USER, userId);

export type Town = z.infer<typeof TownSchema>;

/** The user's towns; null: not known yet. */
export function useTowns(): readonly Town[] | null {
  const [towns, setTowns] = useState<readonly Town[] | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    get<Town[]>(`/api/users/${encodeURIComponent(whoseRigs())}/towns`, stop.signal).then(setTowns, () => {});
    return () => stop.abort();
  }, []);
  return towns;
}
