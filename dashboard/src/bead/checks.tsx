import type { Recorded } from "../../../src/events/facts.ts";
import { receiptIn } from "../lib/story.ts";
import { moment } from "../lib/looked.ts";
import { duration } from "../lib/time.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { Panel, State } from "../ui/parts.tsx";

/** What its work was checked by: what sent it back, and the receipt of what got onto the target. */
export function Checks({ facts, isMerged }: { facts: readonly Recorded[]; isMerged: boolean }) {
  const { now } = useWorld();
  const receipt = receiptIn(facts);
  const red = facts.filter((fact) => fact.type === "bead.rejected");
  return (
    <Panel
      id="checks"
      title="Checks"
      tools={
        receipt === null ? null : (
          <span className="soft clip">
            of train {receipt.train}, tree {receipt.tree.slice(0, 7)} on {receipt.from.slice(0, 7)}
          </span>
        )
      }
    >
      {(red.length > 0 || (receipt?.checks.length ?? 0) > 0) && (
        <ul className="checks">
          {red.map(({ seq, check, words, at }) => (
            <li key={seq}>
              <State icon="fail" tone="bad">
                Failed
              </State>
              <div className="grow">
                <b>{check}</b> <span className="faint">{moment(at, now)}, sent back as rework</span>
                {words.trim() !== "" && (
                  <pre className="cmd" tabIndex={0}>
                    {words}
                  </pre>
                )}
              </div>
            </li>
          ))}
          {receipt?.checks.map((check) => (
            <li key={check.name}>
              <State icon={check.exit === 0 ? "done" : "fail"} tone={check.exit === 0 ? "good" : "bad"}>
                {check.exit === 0 ? "Passed" : "Failed"}
              </State>
              <b className="grow">{check.name}</b>
              <code className="faint clip" title="The digest of what it printed">
                {check.outputDigest.slice(0, 12)}
              </code>
              <span className="num soft">{duration(check.ms)}</span>
            </li>
          ))}
        </ul>
      )}
      <p className="receipt">
        {receipt === null ? (
          <span className="soft">
            <Icon name="shield" />{" "}
            {isMerged
              ? "It was merged without a train, so there is no receipt."
              : "The receipt is written when it merges: tree, base, commit, and every check with its digest."}
          </span>
        ) : (
          <>
            <State icon="shield" tone="good">
              Receipt
            </State>{" "}
            <span className="mono">
              commit {receipt.members.map(({ commit }) => commit.slice(0, 7)).join(", ")}, tree{" "}
              {receipt.tree.slice(0, 7)}, base {receipt.from.slice(0, 7)};{" "}
              {receipt.checks.length === 0
                ? "no check is set up"
                : `${receipt.checks.map(({ name }) => name).join(", ")} green in train ${receipt.train}`}
              {receipt.boxed ? "; in a box" : "; not boxed"}
            </span>
          </>
        )}
      </p>
    </Panel>
  );
}
