import { Modal } from "@mantine/core";
import { useState } from "react";
import { allKeys, useKeys } from "../lib/keys.ts";
import "../styles/palette.css";

/** `?`: every key that does something here, taken from where it does it. */
export function KeysDialog() {
  const [sections, setSections] = useState<ReturnType<typeof allKeys> | null>(null);
  useKeys("Everywhere", [{ keys: "?", does: "All keys", act: () => setSections(allKeys()) }]);
  return (
    <Modal
      opened={sections !== null}
      onClose={() => setSections(null)}
      title="Keys"
      size="lg"
      radius="md"
      zIndex={250}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className="key-list">
        {merged(sections ?? []).map(([section, keys]) => (
          <section key={section}>
            <h3>{section}</h3>
            <ul>
              {keys.map(({ keys: pressed, does }) => (
                <li key={pressed}>
                  <span>
                    {pressed.split(" ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </span>
                  <span className="soft">{does}</span>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Modal>
  );
}

const CTRL_K = { keys: "Ctrl K", does: "Find, or run a command" };
const SEND = { keys: "Ctrl Enter", does: "Send what is typed" };

function merged(layers: ReturnType<typeof allKeys>): [string, { keys: string; does: string }[]][] {
  const sections = new Map<string, { keys: string; does: string }[]>([["Everywhere", [CTRL_K, SEND]]]);
  for (const { section, keys } of layers) sections.set(section, [...(sections.get(section) ?? []), ...keys]);
  return [...sections];
}
