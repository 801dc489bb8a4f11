import { Button, Modal, PasswordInput } from "@mantine/core";
import { useEffect, useState, type FormEvent } from "react";
import { rememberToken, token, whenUnauthorized } from "../lib/api.ts";

/** Asks for the operator's token when the API wants one. */
export function TokenGate({ onToken }: { onToken: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const [value, setValue] = useState("");
  useEffect(() => whenUnauthorized(() => setOpen(true)), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rememberToken(value.trim());
    setOpen(false);
    setValue("");
    onToken();
  };
  return (
    <Modal opened={isOpen} onClose={() => setOpen(false)} title={token() === null ? "This Ticktown wants to know you" : "The token was not accepted"} radius="md" zIndex={260} closeButtonProps={{ "aria-label": "Close" }}>
      <form onSubmit={submit} className="stack">
        <PasswordInput data-autofocus label="Operator token" description="Kept in this tab only, until it is closed." value={value} onChange={(event) => setValue(event.currentTarget.value)} autoComplete="off" required visibilityToggleButtonProps={{ "aria-label": "Show the token" }} />
        <Button type="submit" disabled={value.trim() === ""}>
          Go on
        </Button>
      </form>
    </Modal>
  );
}
