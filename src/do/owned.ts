import type { Refusal } from "../core/decide/index.ts";
import { iso } from "./shapes.ts";

/** What a user's object tells of what the user owns. */

export interface TownInfo {
  id: string;
  user_id: string;
  name: string;
  created_at: string;
}
export interface RigInfo {
  id: string;
  town_id: string;
  user_id: string;
  name: string;
  git_url: string;
  default_branch: string;
  created_at: string;
  updated_at: string;
}

/** Its row; `updated_at` is null until it is edited. */
export type RigRow = {
  id: string;
  town_id: string;
  name: string;
  git_url: string;
  default_branch: string;
  created_at: number;
  updated_at: number | null;
};

export const rigInfo = ({ updated_at, ...row }: RigRow, userId: string): RigInfo => ({
  ...row,
  user_id: userId,
  created_at: iso(row.created_at),
  updated_at: iso(updated_at ?? row.created_at),
});

export interface NewRig {
  townId: string;
  name: string;
  gitUrl: string;
  defaultBranch: string;
  secrets: Record<string, string>;
}

export type Refused = { ok: false; status: Refusal["status"] | 502; error: string };
export type Made<T> = { ok: true; value: T } | Refused;

/** The id of what is to be made; with `isAskedAgain` a repeated request comes with the same one. */
export type NewId = { readonly id: string; readonly isAskedAgain: boolean };
