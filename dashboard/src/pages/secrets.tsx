import { useState, type FormEvent } from "react";
import { api, messageOf, rigPath } from "../lib/api.ts";
import { useStore } from "../lib/use-rig.ts";
import { Btn, Panel } from "../ui/parts.tsx";
import { SureBtn } from "../ui/sure.tsx";
import { useToasts } from "../ui/toasts.tsx";

/** What the rig's processes get in their environment. It is written and never read again: of each only the name is known. */
export function Secrets() {
  const { rigId } = useStore();
  const toasts = useToasts();
  const [names, setNames] = useState<readonly string[] | null>(null);
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const [refused, setRefused] = useState<string | null>(null);
  const put = async (changes: Record<string, string | null>, said: string) => {
    setRefused(null);
    try {
      const answer = await api<{ names: string[] }>("PUT", rigPath(rigId, "/secrets"), changes);
      setNames(answer.names);
      setName("");
      setSecret("");
      toasts.say(said, "Processes that start from now on have it so; who waited for a key goes on.");
    } catch (error) {
      setRefused(messageOf(error));
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void put({ [name.trim()]: secret }, `${name.trim()} is set`);
  };
  return (
    <Panel id="secrets" title="Secrets">
      <form className="secrets" onSubmit={submit}>
        <p className="soft">
          Environment of the rig&apos;s processes: model keys, git credentials. A secret is written here and never shown
          again.
        </p>
        <div className="row wrap">
          <input
            className="in mono"
            aria-label="Name of the secret"
            placeholder="ANTHROPIC_API_KEY"
            value={name}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <input
            className="in mono grow"
            type="password"
            aria-label="The secret"
            placeholder="its value"
            value={secret}
            autoComplete="new-password"
            onChange={(event) => setSecret(event.currentTarget.value)}
          />
          <Btn type="submit" disabled={name.trim() === "" || secret === ""}>
            Set it
          </Btn>
          <SureBtn
            kind="ghost"
            disabled={name.trim() === ""}
            sure={`Remove ${name.trim()}?`}
            onSure={() => void put({ [name.trim()]: null }, `${name.trim()} is removed`)}
          >
            Remove it
          </SureBtn>
        </div>
        {refused !== null && (
          <p className="t-bad" role="alert">
            Nothing was changed: {refused}
          </p>
        )}
        {names !== null && (
          <p className="soft" role="status">
            Set are: {names.length === 0 ? "none" : names.join(", ")}
          </p>
        )}
      </form>
    </Panel>
  );
}
