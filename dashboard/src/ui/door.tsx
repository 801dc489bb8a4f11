import { Button, PasswordInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { rememberToken, token } from "../lib/session.ts";
import { Copyable } from "./bits.tsx";

/** What is shown to whoever is not let in: how to get a link, and a place for a token. */
export function Door({ why, onToken }: { why: string | null; onToken: () => void }) {
  const [value, setValue] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rememberToken(value.trim());
    onToken();
  };
  return (
    <div className="welcome">
      <div className="card stack door">
        <div>
          <h1>{token() === null ? "This browser is not let in yet" : "This browser is not let in any more"}</h1>
          {why !== null && <p role="alert">{why}</p>}
          <p className="soft">
            Where Ticktown runs, ask for a link and open it here. It is good once, for five minutes, and then this
            browser stays let in until it was not used for 30 days.
          </p>
        </div>
        <Copyable text="npm run open" />
        <form onSubmit={submit} className="stack">
          <PasswordInput
            label="Or an operator’s token"
            description="Kept in this browser, for this address only."
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
            autoComplete="off"
            required
            visibilityToggleButtonProps={{ "aria-label": "Show the token" }}
          />
          <div className="row">
            <Button type="submit" disabled={value.trim() === ""}>
              Go in
            </Button>
          </div>
        </form>
      </div>
    </div>
  );
}
