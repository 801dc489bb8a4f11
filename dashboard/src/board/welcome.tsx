import { Button, TextInput } from "@mantine/core";
import { useEffect, useState, type FormEvent } from "react";
import type * as z from "zod";
import type { RigInfo as RigSchema, Town as TownSchema } from "../../../src/wire/schemas.ts";
import { get, messageOf } from "../lib/api.ts";
import { paths } from "../lib/routes.ts";
import { rememberUser, whoseRigs } from "../lib/towns.ts";
import { follows, go } from "../lib/url.ts";
import { Copyable } from "../ui/bits.tsx";

/** Choosing a rig: from a user's towns, or by its id. */

type RigInfo = z.infer<typeof RigSchema>;
type TownInfo = z.infer<typeof TownSchema>;
interface Listed {
  readonly town: TownInfo;
  readonly rigs: readonly RigInfo[];
}

/** The towns and rigs of a user, asked for again when the name changes. */
function useRigs(userId: string): { listed: readonly Listed[] | null; error: string | null } {
  const [listed, setListed] = useState<readonly Listed[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const user = `/api/users/${encodeURIComponent(userId)}`;
    setError(null);
    // A pause, so that not every letter of a name is asked about.
    const timer = setTimeout(async () => {
      try {
        const towns = await get<TownInfo[]>(`${user}/towns`, stop.signal);
        const found = await Promise.all(
          towns.map(async (town) => ({
            town,
            rigs: await get<RigInfo[]>(`${user}/towns/${encodeURIComponent(town.id)}/rigs`, stop.signal),
          })),
        );
        setListed(found);
        rememberUser(userId);
      } catch (thrown) {
        if (!stop.signal.aborted) setError(messageOf(thrown));
      }
    }, 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [userId]);
  return { listed, error };
}

export function RigPicker(props: { current: string | null; pathOf?: (rigId: string) => string; onPick?: () => void }) {
  const { current, pathOf = paths.rig, onPick } = props;
  const [userId, setUser] = useState(() => whoseRigs());
  const [typed, setTyped] = useState("");
  const { listed, error } = useRigs(userId);
  const open = (event: FormEvent) => {
    event.preventDefault();
    go(pathOf(typed.trim()));
    onPick?.();
  };
  const rigs = listed?.flatMap(({ rigs }) => rigs) ?? [];
  return (
    <div className="stack">
      <div className="row wrap" style={{ alignItems: "flex-end" }}>
        <TextInput label="User" value={userId} onChange={(event) => setUser(event.currentTarget.value)} w={150} />
        <form onSubmit={open} className="row" style={{ alignItems: "flex-end", flex: 1, minWidth: 220 }}>
          <TextInput
            label="Or a rig’s id"
            placeholder="rig-…"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            style={{ flex: 1 }}
          />
          <Button type="submit" variant="default" disabled={typed.trim() === ""}>
            Open
          </Button>
        </form>
      </div>
      {error !== null && <p className="soft">{error}</p>}
      {error === null && listed !== null && rigs.length === 0 && (
        <>
          <p>
            <b>{userId} has no rig yet.</b> A rig is one git repository and its agents. Make a town for it, then the
            rig:
          </p>
          <Copyable
            text={`TOKEN=$(cat .ticktown/operator-token)\nTOWN=$(curl -s -X POST ${location.origin}/api/users/${userId}/towns \\\n  -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{"name": "home"}' | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')\ncurl -X POST ${location.origin}/api/users/${userId}/rigs \\\n  -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' \\\n  -d "{\\"town_id\\": \\"$TOWN\\", \\"name\\": \\"my-repo\\", \\"git_url\\": \\"https://example.com/me/my-repo.git\\"}"`}
          />
        </>
      )}
      {listed?.map(({ town, rigs }) =>
        rigs.length === 0 ? null : (
          <div key={town.id}>
            <h3 className="sub" style={{ margin: 0 }}>
              {town.name}
            </h3>
            <ul className="rig-list" style={{ marginTop: 6 }}>
              {rigs.map((rig) => (
                <li key={rig.id}>
                  <a
                    href={pathOf(rig.id)}
                    aria-current={rig.id === current}
                    onClick={(event) => (follows(event), onPick?.())}
                  >
                    <b>{rig.name}</b>
                    <span className="soft clip mono small">{rig.git_url}</span>
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ),
      )}
    </div>
  );
}

export const Welcome = () => (
  <div className="welcome">
    <div className="card">
      <h1>Which rig?</h1>
      <p className="soft" style={{ marginBottom: 14 }}>
        A rig is one repository and the agents that work on it.
      </p>
      <RigPicker current={null} />
    </div>
  </div>
);
