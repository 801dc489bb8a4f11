import { Menu } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { markLooked, moment, type Interval } from "../lib/looked.ts";
import { asText, sentencesOf } from "../lib/night.ts";
import { duration } from "../lib/time.ts";
import { setParams } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { useKeys } from "../lib/keys.ts";
import { Icon } from "../ui/icons.tsx";
import { Btn } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";
import type { OneNight } from "./use-night.ts";

/** The head of both pages of a night: which time it is of, and what it came to in words. */

const HOUR = 3_600_000;
const PRESETS = [
  ["The last hour", HOUR],
  ["The last 8 hours", 8 * HOUR],
  ["The last 24 hours", 24 * HOUR],
  ["The last 7 days", 7 * 24 * HOUR],
] as const;

export function NightHead({ title, one, children }: { title: string; one: OneNight; children?: ReactNode }) {
  const { rigId } = useStore();
  const { state, world } = useWorld();
  const toasts = useToasts();
  const { interval, now, night, needs, titleOf, report, run, chain } = one;
  const name = world.rig.context.config?.name ?? rigId;
  const read = () => {
    markLooked(rigId, Date.now() + state.skew_ms);
    setParams({ from: null, to: null });
    toasts.say("Marked as read", "From now on this page begins at this moment.");
  };
  useKeys("Night", [{ keys: "m", does: "Mark as read", act: read }]);
  const copy = async () => {
    if (night === null || report.data === null) return;
    const text = asText(night, {
      name,
      from: interval.from,
      to: interval.to,
      now,
      needs,
      titleOf,
      report: report.data,
      chain,
    });
    await toasts.act(async () => {
      await navigator.clipboard.writeText(text);
      return { title: "Copied as text" };
    }, "It could not be copied");
  };
  const error = report.error ?? run.error;
  return (
    <section className="night-head" aria-labelledby="night-title">
      <div className="row wrap">
        <h1 id="night-title">{title}</h1>
        <IntervalPicker interval={interval} now={now} />
        <span className="grow" />
        {children}
        <Btn isSmall kind="ghost" onClick={() => void copy()} disabled={night === null} className="wide">
          Copy as text
        </Btn>
        <Btn isSmall kind="ghost" onClick={read} hotkey="M">
          Mark as read
        </Btn>
      </div>
      <p className="night-words" aria-live="polite">
        {error !== null
          ? `It cannot be told: ${error.message}.`
          : night === null
            ? "…"
            : sentencesOf(night, { needs, titleOf, now }).join(" ")}
        {(report.data?.is_cut === true || run.data?.is_cut === true) &&
          " There was too much to read at once: choose a shorter time for all of it."}
      </p>
    </section>
  );
}

const inField = (at: number): string => {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
};

function IntervalPicker({ interval, now }: { interval: Interval; now: number }) {
  const { from, to, isOpen } = interval;
  const [isPicking, setPicking] = useState(false);
  const words = `${moment(from, now)} to ${isOpen ? "now" : moment(to, now)}, ${duration(to - from)}`;
  const pick = (field: "from" | "to") => (event: React.ChangeEvent<HTMLInputElement>) => {
    const at = new Date(event.currentTarget.value).getTime();
    if (!Number.isNaN(at)) setParams({ [field]: new Date(at).toISOString() });
  };
  return (
    <Menu position="bottom-start" width={300} shadow="md" opened={isPicking} onChange={setPicking} closeOnItemClick>
      <Menu.Target>
        <Btn isSmall aria-label={`${words}: choose another time`}>
          <span className="num">{words}</span>
          <Icon name="down" />
        </Btn>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => setParams({ from: null, to: null })}>Since you looked</Menu.Item>
        {PRESETS.map(([name, ms]) => (
          <Menu.Item key={name} onClick={() => setParams({ from: new Date(Date.now() - ms).toISOString(), to: null })}>
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <div className="pick-times">
          <label>
            From
            <input className="in" type="datetime-local" value={inField(from)} onChange={pick("from")} />
          </label>
          <label>
            To
            <input className="in" type="datetime-local" value={inField(to)} onChange={pick("to")} />
          </label>
        </div>
      </Menu.Dropdown>
    </Menu>
  );
}
