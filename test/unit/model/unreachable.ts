import type { Kind } from "../../../src/core/step.ts";

/** What no path of the models reaches, and why. A line that a path does reach fails the test as well. */
type Reasons = Readonly<Record<string, string>>;

/** Who spends more is in test/unit/incidents/fruitless.test.ts. */
const THE_MODELS_SPEND_LITTLE = "an agent of the models spends less than what has to be shown for";
const A_PROCESS_HAS_A_HOOK =
  "a dispatch is granted for the bead on the hook only, and losing the hook ends it: the branch is for agents restored from elsewhere";
const A_PROMPT_WAS_HEARD =
  "only a dispatch that was heard from asks for a permission, and then it cannot be gone before its start was heard of";
const WHO_STARTS_HAS_ASKED_NOTHING =
  "what a dispatch asks ends its start, and the next one begins with nothing asked: the branch is for agents restored from elsewhere";

export const UNREACHABLE: Readonly<
  Record<Kind, { readonly states?: Reasons; readonly transitions?: Reasons; readonly guards?: Reasons }>
> = {
  agent: {
    transitions: {
      "agent.exited|TICK|1": A_PROCESS_HAS_A_HOOK,
      "agent|agent.usage|0": THE_MODELS_SPEND_LITTLE,
      "agent.blocked.onPermission|agent.exited|0": A_PROMPT_WAS_HEARD,
      "agent.blocked.onPermission|agent.exited|1": A_PROMPT_WAS_HEARD,
    },
    guards: {
      "agent.exited|TICK|0 [hasHook]=false": A_PROCESS_HAS_A_HOOK,
      "agent.exited.completed|TICK|1 [hasHook]=false": A_PROCESS_HAS_A_HOOK,
      "agent.blocked.onPermission|agent.exited|0 [wasGoneTooEarly]=true": A_PROMPT_WAS_HEARD,
      "agent.blocked.onPermission|agent.exited|1 [isKnownNotToRun]=true": A_PROMPT_WAS_HEARD,
      "agent.restarting.starting|agent.asked|0 [isNewAsk]=false": WHO_STARTS_HAS_ASKED_NOTHING,
      "agent.restarting.starting|agent.asked|1 [isNewAsk]=false": WHO_STARTS_HAS_ASKED_NOTHING,
      "agent|agent.usage|0 [addsSpend]=false":
        "a conversation is gone on with on its own bead only: what is more for the bead is more for the rig",
      "agent|agent.usage|1 [addsSpend]=false":
        "a conversation is gone on with on its own bead only: what is more for the bead is more for the rig",
      "agent|agent.usage|0 [isFruitless]=true": THE_MODELS_SPEND_LITTLE,
      "agent.working.progress.checked|TICK|0 [isWatched]=false":
        "who is not watched is never sent a GUPP_CHECK, and nobody's role changes",
    },
  },
  bead: {},
  review: {},
  rig: {},
  queue: {
    guards: {
      "queue.held|queue.blocked|0 [isNotBlocked]=false":
        "what is held has a red target in its way; that no container runs trains parks it",
    },
  },
  budget: {},
  accounts: {},
};
