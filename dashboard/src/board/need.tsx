import { useState } from "react";
import { messageOf } from "../../../src/events/message-of.ts";
import { agentName, beadTitle } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { paths } from "../lib/routes.ts";
import { href } from "../lib/url.ts";
import { useRig, useStore, useWorld } from "../lib/use-rig.ts";
import type * as actions from "../lib/actions.ts";
import { Until } from "../ui/bits.tsx";
import { Go, Since, State } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { Debug, NeedActs } from "./need-acts.tsx";
import { Answer, Asked, isAsking } from "./need-question.tsx";
import { kindWord, NEED_KINDS } from "./need-words.ts";
import { Which } from "./need-which.tsx";

/** Does something about a need; what was sent is shown in its place until its fact is here. */
export type Send = (words: string, doing: () => Promise<actions.Done>) => void;

/** One need: what it is, all that one must know to answer, and the answer, in one item. */
export function Need({
  need,
  see,
  isFirst,
}: {
  need: ShownNeed;
  see: (ids: readonly string[]) => void;
  isFirst: boolean;
}) {
  const toasts = useToasts();
  const [sent, setSent] = useState<string | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const send: Send = (words, doing) => {
    setSent(words);
    setRefused(null);
    void doing()
      .then(({ title, text }) => toasts.say(title, text))
      .catch((error: unknown) => setRefused(messageOf(error)))
      .finally(() => setSent(null));
  };
  const { icon, tone } = NEED_KINDS[need.code];
  const { skew_ms } = useRig();
  const count = Math.max(need.beads.length, need.agents.length);
  return (
    <li className="need" data-j="" tabIndex={-1} data-need={need.key}>
      <div className="need-head">
        <State icon={icon} tone={tone}>
          {kindWord(need.code, count, need.waiting.length)}
        </State>
        <About need={need} />
        {need.since !== null && <Since at={need.since} skew={skew_ms} className="faint" />}
        <Debug need={need} />
      </div>
      <Words need={need} />
      {refused !== null && (
        <p className="t-bad small" role="alert">
          Not done: {refused}
        </p>
      )}
      {sent === null ? null : (
        <p className="soft small" role="status">
          Sent: {sent}
        </p>
      )}
      <div hidden={sent !== null}>
        {isAsking(need) && <Answer need={need} send={send} isOpen={isFirst} />}
        <NeedActs need={need} see={see} send={send} />
      </div>
    </li>
  );
}

/** Whom and what it is about. */
function About({ need }: { need: ShownNeed }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const [agentId] = need.agents;
  const [beadId] = need.beads;
  const isOne = need.agents.length < 2 && need.beads.length < 2;
  const name = agentId !== undefined && isOne ? agentName(world, agentId) : "";
  const title = beadId !== undefined && isOne ? beadTitle(state.content, beadId) : "";
  if (name === "" && title === "") return <span className="grow" />;
  const to =
    beadId !== undefined && isOne
      ? paths.bead(rigId, beadId)
      : href(paths.rig(rigId), { show: `agent:${agentId ?? ""}` });
  return (
    <Go to={to} className="need-about clip grow" data-open="">
      {[name, title].filter((part) => part !== "").join(" · ")}
    </Go>
  );
}

/** What is asked, or what happened, in its own words; then what Ticktown does about it. */
function Words({ need }: { need: ShownNeed }) {
  const isPlain = need.code === "question" || need.code === "permission";
  const isQuestion = isPlain || need.code === "escalation";
  return (
    <>
      {isQuestion ? <Asked need={need} /> : <h3 className="need-title">{need.title}</h3>}
      <p className="soft small need-text">
        {isPlain ? "" : need.text}
        {need.until !== null && (
          <>
            {" "}
            Looked at again in <Until at={need.until} passed="a moment" />.
          </>
        )}
      </p>
      <Which need={need} />
    </>
  );
}
