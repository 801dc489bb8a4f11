import { useState, type FormEvent } from "react";
import { messageOf, post } from "../lib/api.ts";
import { paths } from "../lib/routes.ts";
import { go } from "../lib/url.ts";
import { useTowns, whoseRigs, type Town } from "../lib/towns.ts";
import { Btn, Panel } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";
import "../styles/settings.css";

const NEW = "a new town";

interface Wanted {
  readonly name: string;
  readonly url: string;
  readonly branch: string;
  readonly townId: string;
}

/** @returns its id. The town's container looks at the repository first. */
async function make({ name, url, branch, townId }: Wanted): Promise<string> {
  const user = `/api/users/${encodeURIComponent(whoseRigs())}`;
  const town_id = townId === NEW ? (await post<{ id: string }>(`${user}/towns`, { name: "home" })).id : townId;
  const made = await post<{ id: string }>(`${user}/rigs`, { town_id, name, git_url: url, default_branch: branch });
  return made.id;
}

/** The last part of an address, as a name for it. */
const nameIn = (url: string): string => /([^/]+?)(?:\.git)?\/?$/.exec(url)?.[1] ?? "";

/** Makes a rig: a repository, the branch that work is merged into, and the town whose container runs its agents. */
export default function NewRig() {
  const toasts = useToasts();
  const towns = useTowns();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [branch, setBranch] = useState("main");
  const [town, setTown] = useState<string | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const chosen = town ?? towns?.[0]?.id ?? NEW;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefused(null);
    try {
      const id = await make({ name: name.trim(), url: url.trim(), branch: branch.trim(), townId: chosen });
      toasts.say(
        `The rig ${name.trim()} is there`,
        "Set the key of its agents among its secrets, then sling the first work.",
      );
      go(paths.rig(id));
    } catch (error) {
      setRefused(messageOf(error));
      setBusy(false);
    }
  };
  return (
    <div className="page narrow settings">
      <h1 className="page-title">New rig</h1>
      <Panel id="new-rig" title="One repository, and the agents that work on it">
        <form className="new-rig" onSubmit={(event) => void submit(event)}>
          <label>
            Repository
            <span className="soft small">
              A git URL that the container can push to; it is looked at before anything is made.
            </span>
            <input
              className="in mono"
              value={url}
              required
              placeholder="https://example.com/me/my-repo.git"
              onChange={(event) => {
                const next = event.currentTarget.value;
                if (name === "" || name === nameIn(url)) setName(nameIn(next));
                setUrl(next);
              }}
            />
          </label>
          <label>
            Name
            <input className="in" value={name} required onChange={(event) => setName(event.currentTarget.value)} />
          </label>
          <label>
            Target branch
            <input
              className="in mono"
              value={branch}
              required
              onChange={(event) => setBranch(event.currentTarget.value)}
            />
          </label>
          <TownPick towns={towns ?? []} chosen={chosen} choose={setTown} />
          {refused !== null && (
            <p className="t-bad" role="alert">
              Nothing was made: {refused}
            </p>
          )}
          <div className="row">
            <Btn type="submit" kind="primary" disabled={isBusy || name.trim() === "" || url.trim() === ""}>
              {isBusy ? "The repository is looked at…" : "Make the rig"}
            </Btn>
          </div>
        </form>
      </Panel>
    </div>
  );
}

const TownPick = (props: { towns: readonly Town[]; chosen: string; choose: (id: string) => void }) => (
  <label>
    Town
    <span className="soft small">Rigs of one town share a container.</span>
    <select className="in" value={props.chosen} onChange={(event) => props.choose(event.currentTarget.value)}>
      {props.towns.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
      <option value={NEW}>{NEW}</option>
    </select>
  </label>
);
