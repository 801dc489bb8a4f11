import type { World } from "../../../src/core/world.ts";

/** What a piece of work waits for and what waits for it, as a tree that is drawn from the top. */

export interface Branch {
  readonly beadId: string;
  readonly depth: number;
  readonly isThis: boolean;
}

const DEEPEST = 4;
const MOST = 40;

/**
 * @param blockers all that it ever waited for, also what is merged
 * @returns first what is before it, each under what is before that; then it; then what is behind it. Nothing is in it twice
 */
export function treeOf(world: World, beadId: string, blockers: readonly string[]): Branch[] {
  const tree: Branch[] = [];
  const known = new Set<string>([beadId]);
  const before = (id: string, ids: readonly string[], left: number): number => {
    let depth = 0;
    for (const one of ids) {
      if (known.has(one) || tree.length >= MOST) continue;
      known.add(one);
      const above = left > 1 ? before(one, world.beads.get(one)?.context.blockedBy ?? [], left - 1) : 0;
      tree.push({ beadId: one, depth: above, isThis: false });
      depth = Math.max(depth, above + 1);
    }
    return depth;
  };
  const own = before(beadId, blockers, DEEPEST);
  tree.push({ beadId, depth: own, isThis: true });
  const behind = (id: string, depth: number): void => {
    if (depth > own + DEEPEST) return;
    for (const one of world.index.dependents.get(id) ?? []) {
      if (known.has(one) || tree.length >= MOST) continue;
      known.add(one);
      tree.push({ beadId: one, depth, isThis: false });
      behind(one, depth + 1);
    }
  };
  behind(beadId, own + 1);
  return tree;
}
