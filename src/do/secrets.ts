import { commit } from "./commit.ts";
import type { Rig } from "./rig.ts";

/** Sets and removes secrets of the rig. Who waits for a key that is taken goes on. */
export function setSecrets(rig: Rig, secrets: Readonly<Record<string, string | null>>): void {
  const { sql } = rig.ports;
  for (const [name, value] of Object.entries(secrets)) {
    if (value === null) sql.exec("DELETE FROM secrets WHERE name = ?", name);
    else sql.exec("INSERT OR REPLACE INTO secrets VALUES (?, ?)", name, value);
  }
  const isAwaited = [...rig.world.agents.values()].some((agent) => agent.matches({ blocked: "notAuthorized" }));
  if (isAwaited) commit(rig, [{ type: "secrets.changed" }]);
}

/** Names alone; their values leave only into the environment of processes. */
export const secretNames = ({ ports }: Rig): string[] =>
  ports.sql
    .exec<{ name: string }>("SELECT name FROM secrets ORDER BY name")
    .toArray()
    .map(({ name }) => name);

/** Those of the names that are set, with their values. */
export const secretsNamed = ({ ports }: Rig, names: readonly string[]): [string, string][] =>
  ports.sql
    .exec<{ name: string; value: string }>("SELECT name, value FROM secrets ORDER BY name")
    .toArray()
    .filter(({ name }) => names.includes(name))
    .map(({ name, value }) => [name, value]);
