import { useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { useState } from "react";
import { beep, wish, wishes, type Wishes } from "../lib/tell.ts";
import { Btn, Panel } from "../ui/parts.tsx";
import "../styles/settings.css";

/** What this browser does for whoever looks at it. It is kept in this browser and nowhere else. */
export default function Settings() {
  return (
    <div className="page narrow settings">
      <h1 className="page-title">This browser</h1>
      <Telling />
      <Looks />
    </div>
  );
}

function Telling() {
  const [now, setNow] = useState<Wishes>(wishes);
  const [refused, setRefused] = useState<string | null>(null);
  const change = (next: Wishes) => {
    wish(next);
    setNow(next);
  };
  const notify = async (isWanted: boolean) => {
    setRefused(null);
    if (isWanted && (!("Notification" in globalThis) || (await Notification.requestPermission()) !== "granted"))
      return setRefused("This browser does not let the page notify: allow it among the page's permissions.");
    change({ ...now, notify: isWanted });
  };
  return (
    <Panel id="tell" title="When you do not look">
      <p className="soft setting-text">
        The tab&apos;s title and icon count who needs you. What is new can be told as well: once, by one tab, with a
        link to where it is answered.
      </p>
      <label className="setting check">
        <input type="checkbox" checked={now.notify} onChange={(event) => void notify(event.currentTarget.checked)} />
        <span>Notifications of the desktop</span>
      </label>
      <label className="setting check">
        <input
          type="checkbox"
          checked={now.sound}
          onChange={(event) => change({ ...now, sound: event.currentTarget.checked })}
        />
        <span>A sound</span>
        <Btn isSmall kind="ghost" onClick={beep}>
          Hear it
        </Btn>
      </label>
      {refused !== null && (
        <p className="t-bad setting-text" role="alert">
          {refused}
        </p>
      )}
    </Panel>
  );
}

const SCHEMES: Record<MantineColorScheme, string> = { auto: "As the system", light: "Light", dark: "Dark" };

function Looks() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Panel id="looks" title="Looks">
      <fieldset className="setting-row">
        <legend className="visually-hidden">Colours</legend>
        {(Object.keys(SCHEMES) as MantineColorScheme[]).map((scheme) => (
          <label key={scheme} className="row">
            <input
              type="radio"
              name="scheme"
              checked={colorScheme === scheme}
              onChange={() => setColorScheme(scheme)}
            />
            {SCHEMES[scheme]}
          </label>
        ))}
      </fieldset>
    </Panel>
  );
}
