import type { BoardContent } from "../../../src/wire/board.ts";
import type { World } from "../../../src/core/world.ts";

/** What people call an actor. */

export const agentName = (world: World, id: string | null): string =>
  id === null ? "nobody" : (world.agents.get(id)?.context.name ?? short(id));

export const beadTitle = (content: ReadonlyMap<string, BoardContent>, id: string): string =>
  content.get(id)?.title ?? short(id);

/** A generated id with the middle of its UUID left out. */
export const short = (id: string): string =>
  id.replace(/([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}([0-9a-f]{4})/g, "$1…$2");

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** Why something ended, as it is on record, for people to read. */
export const reasonOf = (reason: string | null): string =>
  (reason ?? "Nothing was said.").replace(/^1 attempts used up/, "1 attempt used up");
