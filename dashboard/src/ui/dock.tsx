import { paths } from "../lib/routes.ts";
import { go, usePlace } from "../lib/url.ts";
import { useStore } from "../lib/use-rig.ts";
import type { Lists } from "../lib/lists.ts";
import { useDialog } from "./dialogs.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { openList } from "./parts.tsx";

/** The lists of a rig at the bottom of a phone, under the thumb. */
export function Dock({ lists }: { lists: Lists }) {
  const { rigId } = useStore();
  const { path } = usePlace();
  const ask = useDialog();
  const atWork = lists.agents.yours.length + lists.agents.working.length + lists.agents.waits.length;
  const tab = (id: string, icon: IconName, word: string, count: number | null) => (
    <a
      href={`${paths.rig(rigId)}#${id}`}
      onClick={(event) => {
        event.preventDefault();
        if (path !== paths.rig(rigId)) go(paths.rig(rigId));
        requestAnimationFrame(() => openList(id));
      }}
    >
      <Icon name={icon} />
      <span>
        {count === null ? null : <b>{count} </b>}
        {word}
      </span>
    </a>
  );
  return (
    <nav className="dock" aria-label="Lists">
      {tab("needs", "warn", "Needs", lists.needs.now.length)}
      {tab("agents", "work", "Agents", atWork)}
      {tab("train", "merge", "Train", lists.train.length)}
      {tab("work", "list", "Work", null)}
      <button type="button" onClick={() => ask({ type: "sling" })}>
        <Icon name="plus" />
        <span>Sling</span>
      </button>
    </nav>
  );
}
