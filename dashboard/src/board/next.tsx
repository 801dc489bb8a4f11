import type { Lists } from "../lib/lists.ts";
import { beadTitle } from "../lib/names.ts";
import { paths } from "../lib/routes.ts";
import { href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { Go, Since } from "../ui/parts.tsx";

/** On a wide screen: what is next, and what was merged last. */

const SHOWN = 8;

export function Next({ lists }: { lists: Lists }) {
  const { rigId } = useStore();
  const { state } = useWorld();
  const to = (work: string) => `${href(paths.rig(rigId), { work })}#work`;
  const merged = lists.work.closed.filter(({ context }) => context.commitSha !== null).slice(0, SHOWN);
  return (
    <section className="panel next-panel" aria-label="Next and last">
      <div className="head">
        <h2>Next up</h2>
        <span className="n">{lists.work.ready.length}</span>
        <span className="grow" />
        <a className="lk small" href={to("ready")}>
          All
        </a>
      </div>
      <ul className="next-rows">
        {lists.work.ready.slice(0, SHOWN).map(({ context }) => (
          <li key={context.id}>
            <Icon name="ready" />
            <Go to={paths.bead(rigId, context.id)} className="ttl plain clip grow">
              {beadTitle(state.content, context.id)}
            </Go>
            <span className="faint small">{context.priority}</span>
          </li>
        ))}
        {lists.work.ready.length === 0 && <li className="soft">Nothing waits for a slot.</li>}
      </ul>
      <div className="head">
        <h2>Merged last</h2>
        <span className="n">{lists.merged.length} today</span>
      </div>
      <ul className="next-rows">
        {merged.map(({ context }) => (
          <li key={context.id}>
            <span className="t-good">
              <Icon name="done" />
            </span>
            <Go to={paths.bead(rigId, context.id)} className="ttl plain clip grow">
              {beadTitle(state.content, context.id)}
            </Go>
            {context.closedAt !== null && <Since at={context.closedAt} skew={state.skew_ms} className="faint" />}
          </li>
        ))}
        {merged.length === 0 && <li className="soft">Nothing was merged yet.</li>}
      </ul>
    </section>
  );
}
