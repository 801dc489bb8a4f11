import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import * as actions from "../lib/actions.ts";
import { bulkOf } from "../lib/bulk.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { PRIORITIES } from "../lib/work.ts";
import { Btn, money } from "../ui/parts.tsx";
import { SureBtn } from "../ui/sure.tsx";
import { useToasts } from "../ui/toasts.tsx";

const DAY_MS = 86_400_000;

/** What may be done with many at once; each says on how many of them it acts. */
export function Bulk({ beads, clear }: { beads: readonly BeadSnapshot[]; clear: () => void }) {
  const { rigId } = useStore();
  const { now } = useWorld();
  const toasts = useToasts();
  const { failed, open, waits, held, spent } = bulkOf(beads, now);
  const act = (doing: () => Promise<actions.Done>, refused: string) =>
    void toasts.act(doing, refused).then((isDone) => isDone && clear());
  const change = (ids: readonly string[], what: actions.BeadChange) =>
    act(() => actions.each(ids, "Changed", (id) => actions.edit(rigId, id, what)), "Nothing was changed");
  return (
    <div className="bulk" role="region" aria-label="What to do with those that are chosen">
      <b>{beads.length} chosen</b>
      {spent > 0 && <span className="soft num">{money(spent)} so far</span>}
      {failed.length > 0 && (
        <Btn isSmall onClick={() => act(() => actions.retryAll(rigId, failed, []), "They were not tried again")}>
          Retry {failed.length}
        </Btn>
      )}
      {waits.length > held.length && (
        <Btn isSmall onClick={() => change(waits, { defer_until: new Date(now + DAY_MS).toISOString() })}>
          Hold {waits.length} for a day
        </Btn>
      )}
      {held.length > 0 && (
        <Btn isSmall onClick={() => change(held, { defer_until: null })}>
          Release {held.length}
        </Btn>
      )}
      {open.length > 0 && (
        <select
          className="in"
          aria-label={`Priority of the ${open.length}`}
          value=""
          onChange={(event) =>
            change(open, { priority: event.currentTarget.value as NonNullable<actions.BeadChange["priority"]> })
          }
        >
          <option value="" disabled>
            Priority…
          </option>
          {PRIORITIES.map((priority) => (
            <option key={priority}>{priority}</option>
          ))}
        </select>
      )}
      {open.length > 0 && (
        <SureBtn
          isSmall
          kind="ghost"
          sure={`Cancel ${open.length}: sure?`}
          onSure={() =>
            act(() => actions.each(open, "Cancelled", (id) => actions.cancelBead(rigId, id)), "Nothing was cancelled")
          }
        >
          Cancel {open.length}
        </SureBtn>
      )}
      <Btn isSmall kind="ghost" onClick={clear}>
        None
      </Btn>
    </div>
  );
}
