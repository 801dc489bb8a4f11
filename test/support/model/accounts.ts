import type { Fact } from "../../../src/events/facts.ts";
import type { AccountsSnapshot } from "../../../src/machines/accounts.ts";
import type { World } from "../../../src/core/world.ts";
import { counted } from "./budget.ts";
import type { Model } from "./explore.ts";
import { move, type Move } from "./world.ts";

/** The accounts of a rig without a repository: what is limited and what is started with it is told by the model alone. */

const START_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const ONE = "anthropic:0000000000000001";
const OTHER = "openai:0000000000000002";

const limited = (account: string, runtime: string | null, until: number, n = 1): Fact => ({
  type: "account.limited",
  agentId: "a",
  dispatchId: `a:${n}`,
  account,
  runtime,
  until,
});
const granted = (account?: string): Fact => ({
  type: "dispatch.granted",
  agentId: "a",
  beadId: "b",
  dispatchId: "a:2",
  branch: "b",
  rework: false,
  probe: false,
  ...(account === undefined ? {} : { account }),
});
const of = { agentId: "a", dispatchId: "a:2" };

export const accountsModel: Model = {
  name: "accounts",
  kind: "accounts",
  id: "accounts",
  seeds: [move(START_MS, limited(ONE, "one", START_MS + HOUR_MS))],
  moves: (world) => movesOf(world),
  key: (world) => keyOf(world, accountsIn(world)),
};

function accountsIn({ accounts }: World): AccountsSnapshot {
  if (accounts === undefined) throw new Error("the model has no accounts");
  return accounts;
}

const keyOf = ({ at }: World, { value, context }: AccountsSnapshot): string =>
  JSON.stringify([
    value,
    context.held.map(({ id, programs, until, probe }) => [
      id,
      programs,
      until === null ? "due" : until > at,
      probe !== null,
    ]),
  ]);

function movesOf(world: World): Move[] {
  const { at } = world;
  const { held } = accountsIn(world).context;
  const next = held.map(({ until }) => until).find((until) => until !== null) ?? at;
  const probed = held.find(({ probe }) => probe !== null)?.probe?.at ?? at;
  const ticks = [...new Set([at, next - 1, next, probed + HOUR_MS])].filter((when) => when >= at);
  return [
    ...ticks.map((when) => move(when, { type: "TICK", container: "unasked" })),
    move(at, limited(ONE, "one", at + HOUR_MS)),
    move(at, limited(ONE, "one", at, 2)),
    ...(held.length > 1
      ? []
      : [move(at, limited(OTHER, "one", at + HOUR_MS)), move(at, limited(OTHER, null, at + HOUR_MS))]),
    move(at, granted()),
    move(at, granted(ONE)),
    move(at, counted(1)),
    move(at, { ...counted(1), ...of } as Fact),
    move(at, { type: "agent.progressed", ...of, what: "w" }),
    move(at, { type: "agent.checkpointed", ...of, beadId: "b", digest: "d", data: {} }),
    move(at, { type: "agent.done", ...of, beadId: "b", branch: "b", prUrl: null, summary: null }),
    move(at, {
      type: "work.handed_in",
      ...of,
      beadId: "b",
      branch: "b",
      prUrl: null,
      summary: null,
      resolution: "work",
      note: null,
    }),
    move(at, { type: "agent.exited", ...of, outcome: "failed", reason: "r", resetAt: null }),
    move(at, { type: "dispatch.failed", ...of, beadId: "b", charged: true, attempts: 1, reason: "r" }),
    move(at, { type: "agent.unhooked", agentId: "a", beadId: "b", reason: "r" }),
    move(at, { type: "agent.deleted", agentId: "a" }),
    move(at, { type: "secrets.changed" }),
    move(at, { type: "rig.settings_changed", changes: { hold_accounts: false } }),
    move(at, { type: "rig.settings_changed", changes: {} }),
  ];
}
