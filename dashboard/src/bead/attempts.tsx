import type { Recorded } from "../../../src/events/facts.ts";
import type { Attempt } from "../../../src/wire/attempts.ts";
import { duration } from "../lib/time.ts";
import { moment } from "../lib/looked.ts";
import { agentName } from "../lib/names.ts";
import { useWorld } from "../lib/use-rig.ts";
import { counted, money, Panel, State } from "../ui/parts.tsx";
import type { Spent } from "./parts.tsx";

/** Each attempt with how it ended, what it cost, and the end of what it printed. */
export function AttemptsPanel({
  facts,
  ended,
  spent,
}: {
  facts: readonly Recorded[];
  ended: readonly Attempt[];
  spent: Spent;
}) {
  const { world, now } = useWorld();
  const granted = facts.filter((fact) => fact.type === "dispatch.granted");
  const logs = new Map(ended.map((one) => [one.dispatch_id, one]));
  if (granted.length === 0)
    return (
      <Panel id="attempts" title="Attempts" count={0}>
        <p className="empty-line">Nobody has begun it yet.</p>
      </Panel>
    );
  return (
    <Panel id="attempts" title="Attempts" count={granted.length}>
      {granted
        .map(({ dispatchId, agentId, at }, n) => {
          const log = logs.get(dispatchId);
          const failed = facts.find((fact) => fact.type === "dispatch.failed" && fact.dispatchId === dispatchId);
          const to = log === undefined ? null : Date.parse(log.ended_at);
          const cost = spent.get(dispatchId);
          const isLast = n === granted.length - 1;
          const isLive = isLast && log === undefined;
          return (
            <details key={dispatchId} id={`attempt-${dispatchId}`} open={isLast && log !== undefined}>
              <summary>
                <State
                  icon={isLive ? "work" : failed === undefined ? "done" : "fail"}
                  tone={isLive ? "busy" : failed === undefined ? "plain" : "bad"}
                >
                  Attempt {n + 1}
                </State>
                <span className="soft">
                  {moment(at, now)} to {to === null ? "now" : moment(to, now)}
                  {to === null ? "" : `, ${duration(to - at)}`}, {agentName(world, agentId)}
                  {cost === undefined
                    ? ""
                    : `, ${counted(cost.input_tokens + cost.output_tokens)} tokens, ${money(cost.cost_microdollars)}${cost.incomplete > 0 ? " (incomplete)" : ""}`}
                  {log === undefined ? "" : `: ${log.reason}`}
                </span>
              </summary>
              <pre className="log" tabIndex={0}>
                {log === undefined
                  ? "Its log is kept when it ends; what its process prints now is in the conversation."
                  : log.tail === ""
                    ? "It printed nothing."
                    : log.tail}
              </pre>
            </details>
          );
        })
        .toReversed()}
    </Panel>
  );
}
