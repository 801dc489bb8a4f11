import { useEffect, useState, type FormEvent } from "react";
import { allSettings, DEFAULT_SETTINGS } from "../../../src/events/settings.ts";
import { api, messageOf, rigPath } from "../lib/api.ts";
import { PARTS, SETTING_WORDS, shown, typed, usual, type Part, type SettingName } from "../lib/setting-words.ts";
import { usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Btn, Panel, openList } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { Secrets } from "./secrets.tsx";
import "../styles/settings.css";

/** A rig's settings, as they are now, and its secrets, which nobody can read. */

const USUAL = allSettings(DEFAULT_SETTINGS) as Record<string, unknown>;

export default function RigSettings() {
  const { params } = usePlace();
  const part = params.get("part");
  useEffect(() => {
    if (part !== null) openList(part);
  }, [part]);
  return (
    <div className="page narrow settings">
      <h1 className="page-title">Settings</h1>
      <Form />
      <Secrets />
    </div>
  );
}

function Form() {
  const { rigId } = useStore();
  const { world } = useWorld();
  const toasts = useToasts();
  const now = allSettings(world.rig.context.settings) as Record<string, unknown>;
  const [changes, setChanges] = useState<Readonly<Record<string, string>>>({});
  const [refused, setRefused] = useState<string | null>(null);
  const changed = Object.keys(changes).filter((name) => changes[name] !== shown(name, now[name]));
  const change = (name: string, text: string) => setChanges((known) => ({ ...known, [name]: text }));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setRefused(null);
    try {
      const patch = Object.fromEntries(changed.map((name) => [name, typed(name, changes[name] ?? "", USUAL[name])]));
      await api("PUT", rigPath(rigId, "/settings"), patch);
      setChanges({});
      toasts.say(
        changed.length === 1 ? "The setting was changed" : `${changed.length} settings were changed`,
        changed.join(", "),
      );
    } catch (error) {
      setRefused(messageOf(error));
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="stack">
      {(Object.keys(PARTS) as Part[]).map((part) => (
        <Panel key={part} id={part} title={PARTS[part]}>
          {(Object.keys(SETTING_WORDS) as SettingName[])
            .filter((name) => SETTING_WORDS[name].part === part)
            .map((name) => (
              <Setting
                key={name}
                name={name}
                value={changes[name] ?? shown(name, now[name])}
                isChanged={changed.includes(name)}
                change={change}
              />
            ))}
        </Panel>
      ))}
      {refused !== null && (
        <p className="t-bad" role="alert">
          Nothing was changed: {refused}
        </p>
      )}
      {changed.length > 0 && (
        <div className="save">
          <span className="soft">In effect at once, and on record under your name.</span>
          <Btn kind="ghost" onClick={() => (setChanges({}), setRefused(null))}>
            Leave them
          </Btn>
          <Btn type="submit" kind="primary">
            Save {changed.length} {changed.length === 1 ? "change" : "changes"}
          </Btn>
        </div>
      )}
    </form>
  );
}

interface SettingProps {
  name: SettingName;
  value: string;
  isChanged: boolean;
  change: (name: string, text: string) => void;
}

function Setting({ name, value, isChanged, change }: SettingProps) {
  const { does, of } = SETTING_WORDS[name];
  const shared = {
    className: "in",
    value,
    "aria-describedby": `${name}-does`,
    onChange: ({ currentTarget }: { currentTarget: { value: string } }) => change(name, currentTarget.value),
  };
  return (
    <label className={`setting${isChanged ? " changed" : ""}`}>
      <span>
        <code>{name}</code>
        <span className="soft small" id={`${name}-does`}>
          {does}
        </span>
      </span>
      {of === undefined ? (
        <input {...shared} placeholder="none" spellCheck={false} />
      ) : (
        <select {...shared}>
          {of.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      )}
      <span className="faint small">{usual(name, USUAL[name])} if not set</span>
    </label>
  );
}
