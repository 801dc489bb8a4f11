import type { BoardContent } from "../../../src/wire/board.ts";
import type { World } from "../../../src/core/world.ts";
import type { ActorRef } from "./actor.ts";
import type { Moment, Source } from "./source.ts";

/** What is on the bench: one actor, in one world, at one time. */
export interface Bench {
  readonly source: Source;
  readonly actor: ActorRef;
  /** The world that is shown: of the moment, or the live one. */
  readonly world: World;
  /** Null: the newest state. */
  readonly moment: Moment | null;
  /** Time in that world, ms: it runs only in the live one. */
  readonly now: number;
  readonly content: ReadonlyMap<string, BoardContent>;
  /** Grows when the live world has changed in place. */
  readonly version: number;
}
