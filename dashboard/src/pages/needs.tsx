import { useState } from "react";
import { NEED_KINDS } from "../board/need-words.ts";
import type { Needs as OfRig } from "../../../src/wire/needs.ts";
import type * as z from "zod";
import { retryAll } from "../lib/actions.ts";
import { get, messageOf, post, rigPath } from "../lib/api.ts";
import type { OfNeed } from "../lib/rigs.ts";
import { needPath } from "../lib/tell.ts";
import type { Overseen } from "../lib/use-overview.ts";
import { useCursor } from "../ui/cursor.ts";
import { Btn, Go, Kbd, Nothing, Panel, Since, State } from "../ui/parts.tsx";
import { SureBtn } from "../ui/sure.tsx";
import { useToasts } from "../ui/toasts.tsx";
import "../styles/needs.css";

/** Who needs somebody, in all rigs: most urgent first, answered here where an answer needs nothing more. */

const LEVELS = { now: "Needs you", soon: "Soon", know: "Good to know" } as const;

export default function Needs({ seen: { overview } }: { seen: Overseen }) {
  useCursor();
  if (overview === null) return <div className="page" role="status" aria-busy="true" aria-label="Loading" />;
  const levels = Object.keys(LEVELS) as (keyof typeof LEVELS)[];
  const total = levels.reduce((sum, level) => sum + overview.totals.needs[level], 0);
  return (
    <div className="page narrow">
      <h1 className="visually-hidden">Needs of all rigs</h1>
      {total === 0 && <Nothing title="Nothing needs you, in no rig" />}
      {levels.map((level) => {
        const needs = overview.needs.filter((need) => need.level === level);
        const count = overview.totals.needs[level];
        if (count === 0) return null;
        return (
          <div key={level} style={{ marginBottom: 12 }}>
            <Panel id={`needs-${level}`} title={LEVELS[level]} count={count}>
              <ul className="needs" aria-label={LEVELS[level]}>
                {needs.map((need) => (
                  <Item key={`${need.rig_id} ${need.key}`} need={need} />
                ))}
              </ul>
              {needs.length < count && (
                <p className="soft small" style={{ padding: "8px 12px" }}>
                  {count - needs.length} more are listed in their rigs.
                </p>
              )}
            </Panel>
          </div>
        );
      })}
    </div>
  );
}

/** Has all that failed of this cause tried again. What is told here is short: what belongs to it, the rig knows. */
async function tryAgain({ rig_id, key }: OfNeed): Promise<string> {
  const { needs } = await get<z.infer<typeof OfRig>>(rigPath(rig_id, "/needs"));
  const { beads = [], escalations = [] } = needs.find((need) => need.key === key) ?? {};
  if (beads.length === 0) throw new Error("It is settled, or others see to it.");
  const ids = (of: readonly { id: string }[]) => of.map(({ id }) => id);
  return (await retryAll(rig_id, ids(beads), ids(escalations))).title;
}

function Item({ need }: { need: OfNeed }) {
  const toasts = useToasts();
  const [sent, setSent] = useState<string | null>(null);
  const { icon, tone, word } = NEED_KINDS[need.code];
  const answer = async (id: string | null, label: string) => {
    setSent(label);
    try {
      const path = rigPath(need.rig_id, `/agents/${encodeURIComponent(need.agent?.id ?? "")}/unblock`);
      await post(path, id === null ? { answer: label } : { option: id });
      toasts.say(`Answered ${need.agent?.name ?? ""}: ${label}`);
    } catch (error) {
      toasts.refuse("It was not answered", messageOf(error));
      setSent(null);
    }
  };
  const retry = async () => {
    setSent("Retry");
    try {
      toasts.say(await tryAgain(need));
    } catch (error) {
      toasts.refuse("It was not tried again", messageOf(error));
      setSent(null);
    }
  };
  const isCommand = need.code === "permission";
  return (
    <li className="need" data-j="" tabIndex={-1} data-need={need.key}>
      <div className="need-head">
        <State icon={icon} tone={tone}>
          {word}
        </State>
        <Go to={needPath(need.rig_id, need.key)} className="need-about clip grow" data-open="">
          {[need.rig_name, need.agent?.name, need.bead?.title].filter((part) => part != null).join(" · ")}
        </Go>
        {need.since !== null && <Since at={Date.parse(need.since)} className="faint" />}
      </div>
      {need.code === "question" || isCommand ? null : <h2 className="need-title">{need.title}</h2>}
      {isCommand ? <code className="cmd">{need.text}</code> : <p className="asked">{need.text}</p>}
      {sent === null ? (
        <div className="opts">
          {need.options.map(({ id, label }, i) =>
            /deny|reject|refuse/i.test(`${id ?? ""} ${label}`) ? (
              <SureBtn key={label} isSmall kind="ghost" sure={`${label}: sure?`} onSure={() => void answer(id, label)}>
                {label}
              </SureBtn>
            ) : (
              <button
                key={label}
                type="button"
                className="opt"
                data-key={String(i + 1)}
                aria-keyshortcuts={String(i + 1)}
                onClick={() => void answer(id, label)}
              >
                <Kbd>{String(i + 1)}</Kbd>
                <span>{label}</span>
              </button>
            ),
          )}
          {need.can.includes("retry") && (
            <Btn isSmall hotkey="R" data-key="r" aria-label={`Retry: ${need.title}`} onClick={() => void retry()}>
              {need.count > 1 ? `Retry ${need.count}` : "Retry"}
            </Btn>
          )}
          <Go to={needPath(need.rig_id, need.key)} className="btn s ghost">
            Open
          </Go>
        </div>
      ) : (
        <p className="soft small" role="status">
          Sent: {sent}
        </p>
      )}
    </li>
  );
}
