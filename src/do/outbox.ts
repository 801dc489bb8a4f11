import { claimId } from "../events/dispatch-id.ts";
import { assertNever, type Effect, type EffectOf } from "../events/effects.ts";
import { clip, type Fact } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { exponential } from "../events/backoff.ts";
import type { Answer } from "./ports.ts";
import { isDestroyed, reasonOf } from "./alarm.ts";
import { placeOfOrder } from "../events/settings.ts";
import { fenceOf } from "../machines/rig.ts";
import { isOfPlace } from "../wire/container.ts";
import { commit } from "./commit.ts";
import { keepRefusedStart } from "./attempts.ts";
import { answerFacts, NOBODY_WAITS, startAccepted, startUnknown } from "./driver.ts";
import { KNOWS_NO_SUCH_THING, saidFacts } from "./said.ts";
import { isStopped } from "./halt.ts";
import { inspected, isAwaited, setAsideBy } from "./hand-in.ts";
import { newRows, type Row } from "./outbox-rows.ts";
import type { Rig } from "./rig.ts";
import { start } from "./start.ts";
import { isUnderWay, runTrain, trainFacts } from "./train.ts";

/**
 * The outbox: effects that were committed and are not settled. Run outside of any transaction, at least once, under a key
 * that never changes; what each one answered comes back as a fact.
 */
export interface Outbox {
  settle(rig: Rig): Promise<void>;
  /** Effects are about to be written, or to be due at other times: what was found of it is no longer so. */
  expect(): void;
  /** When the next waiting effect may be tried again, ms, or null. */
  nextAt(rig: Rig): number | null;
  /** Keys of the effects that are being run now. */
  inFlight(): string[];
}

export function createOutbox(): Outbox {
  const flights = new Map<string, Promise<void>>();
  /** Due, and waiting for a free place. Nobody but a flight changes a row, so they are as they were read. */
  let page: Row[] = [];
  let running = Promise.resolve();
  let isDraining = false;
  /** Storage does not even take that an effect is to wait: nothing more is tried until the next alarm. */
  let failure: unknown = null;
  let look: () => void = () => {};
  const rows = newRows(flights, mustWait);

  const launch = (rig: Rig): void => {
    while (flights.size < LIMITS.effects_in_flight) {
      if (page.length === 0) page = rows.read(rig);
      const row = page.shift();
      if (row === undefined) return;
      if (mustWait(rig, row.key)) {
        rows.forget();
        continue;
      }
      const flight = run(rig, row, rows.waitsUntil)
        .catch((error: unknown) => rows.waitsUntil(postpone(rig, row.key, reasonOf(error))))
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => flights.delete(row.key));
      flights.set(row.key, flight);
    }
  };

  const drain = async (rig: Rig): Promise<void> => {
    isDraining = true;
    failure = null;
    try {
      for (;;) {
        if (failure !== null) {
          page = [];
          rows.forget();
          await Promise.all(flights.values());
          throw failure;
        }
        const called = new Promise<void>((resolve) => {
          look = resolve;
        });
        launch(rig);
        if (flights.size === 0) return;
        // Whatever comes first: one of them ends, or new effects were committed.
        await Promise.race([called, ...flights.values()]);
      }
    } finally {
      // In the same breath as the last look: what is committed after it starts a new drain.
      isDraining = false;
    }
  };

  return {
    expect: rows.expect,
    inFlight: () => [...flights.keys()],
    settle(rig) {
      look();
      if (!isDraining)
        running = drain(rig).catch((error: unknown) =>
          rig.ports.log("error", "the outbox could not be read; the next alarm tries again", {
            error: reasonOf(error),
          }),
        );
      return running;
    },
    // What is due now and waits only for a free place is taken by the drain that is under way: an alarm would not help it.
    nextAt: (rig) => rows.nextAt(rig, isDraining ? rig.ports.now() : -1, page.length === 0),
  };
}

/**
 * A stop that names no dispatch would stop the next one, and a start of who still runs starts nothing: of a container that knows no
 * dispatch ids the start of an agent waits until its stop is settled. While everything is stopped nothing begins at all.
 */
function mustWait(rig: Rig, key: string): boolean {
  const { world, ports } = rig;
  if (isStopped(rig) && /:(container\.start|git\.merge|git\.train)$/.test(key)) return true;
  if (fenceOf(world.rig) !== "agent" || !key.endsWith(":container.start")) return false;
  const agentId = key.replace(/:\d+:container\.start$/, "");
  const stops = ports.sql.exec(
    "SELECT 1 FROM outbox WHERE json_extract(body, '$.kind') = 'container.stop' AND json_extract(body, '$.agentId') = ? LIMIT 1",
    agentId,
  );
  return stops.toArray().length > 0;
}

/** The answer could not be recorded. The effect stays, and waits a little: trying at once would spin. @returns when it is tried again, ms */
function postpone(rig: Rig, key: string, error: string): number {
  rig.ports.log("error", "an effect could not be settled; it is tried again", { key, error });
  const next = rig.ports.now() + rig.world.rig.context.settings.arm_delay_ms + 1;
  rig.ports.sql.exec("UPDATE outbox SET next_at = ?, error = ? WHERE key = ?", next, error, key);
  return next;
}

/** What is answered in one of the three ways. A hand-in has answers of its own: see hand-in.ts. */
type Asked = Exclude<Effect, { kind: "work.inspect" }>;

/** Runs one effect and records its answer and its end in one commit. @param waitsUntil takes when it is tried once more, ms */
async function run(rig: Rig, row: Row, waitsUntil: (at: number) => void): Promise<void> {
  const effect = JSON.parse(row.body) as Effect;
  if (isDestroyed(rig) && effect.kind !== "container.stop") return remove(rig, row.key);
  if (effect.kind === "work.inspect") {
    // Asked again with a later TICK.
    const facts = isAwaited(rig, effect) && !isStopped(rig) ? await inspected(rig, effect) : [];
    commit(rig, facts, () => remove(rig, row.key));
    return;
  }
  const answer = isOvertaken(rig, effect) ? null : explained(await perform(rig, effect));
  if (answer === null) return remove(rig, row.key);
  const attempts = row.attempts + 1;
  const facts = factsOf(effect, answer, attempts);
  if (facts === "retry") {
    const { settings } = rig.world.rig.context;
    const next = rig.ports.now() + exponential(attempts, 1_000, settings.backoff_max_ms);
    rig.ports.transaction(() => {
      rig.ports.sql.exec(
        "UPDATE outbox SET attempts = ?, next_at = ?, error = ? WHERE key = ?",
        attempts,
        next,
        answer.kind === "accepted" ? null : answer.error,
        row.key,
      );
      const armed = rig.ports.getAlarm();
      if (!isDestroyed(rig) && (armed === null || next < armed)) rig.ports.setAlarm(next);
    });
    waitsUntil(next);
    return;
  }
  commit(rig, facts, () => {
    remove(rig, row.key);
    if (effect.kind === "container.start" && answer.kind !== "accepted" && isNoStart(facts))
      keepRefusedStart(rig, effect, answer);
  });
}

/** Whether an answer to a start says that nothing runs; of one that is not known its lease decides. */
const isNoStart = (facts: readonly Fact[]): boolean =>
  facts.some(({ type }) => type === "start.refused" || type === "agent.exited");

const remove = (rig: Rig, key: string): void => {
  rig.ports.sql.exec("DELETE FROM outbox WHERE key = ?", key);
};

/** An effect for a dispatch or claim that is not the newest any more (the object slept through its end) is not run. */
function isOvertaken(rig: Rig, effect: Asked): boolean {
  switch (effect.kind) {
    case "container.start":
    case "container.answer":
    case "container.message": {
      const agent = rig.world.agents.get(effect.agentId);
      return (
        agent === undefined ||
        `${agent.context.id}:${agent.context.dispatchN}` !== effect.dispatchId ||
        !agent.hasTag("slot")
      );
    }
    case "git.merge": {
      const review = rig.world.reviews.get(effect.reviewId);
      return review === undefined || review.value !== "running" || review.context.claim !== effect.claim;
    }
    case "git.train":
      return !isUnderWay(rig, effect.train);
    case "container.stop":
    case "container.clear":
    case "notify":
      return false;
    default:
      return assertNever(effect);
  }
}

async function perform(rig: Rig, effect: Asked): Promise<Answer> {
  const { config, settings } = rig.world.rig.context;
  if (config === null) return { kind: "refused", status: 409, error: "the rig is not configured" };
  const container = rig.ports.container(config.townId);
  try {
    switch (effect.kind) {
      case "container.start":
        return await start(rig, effect);
      case "container.stop":
        return await container.stop(effect, settings.effect_timeout_ms);
      case "container.message":
        return await container.message(effect, settings.effect_timeout_ms);
      case "container.answer":
        return await (container.answer?.(effect, settings.effect_timeout_ms) ?? NOBODY_WAITS);
      case "container.clear":
        return await (container.clear?.(config.rigId, effect, LIMITS.tidy_timeout_ms) ?? KNOWS_NO_SUCH_THING);
      case "git.merge":
        return await merge(rig, effect);
      case "git.train":
        return await runTrain(rig, effect);
      case "notify":
        await rig.ports.notify(effect);
        return { kind: "accepted" };
      default:
        return assertNever(effect);
    }
  } catch (error) {
    return { kind: "unknown", error: reasonOf(error) || "the call failed without a reason" };
  }
}

/** A failure always has a cause, and one that fits into a row (KC-1850). */
const explained = (answer: Answer): Answer =>
  answer.kind === "accepted" ? answer : { ...answer, error: clip(answer.error) || "no reason was given" };

async function merge(rig: Rig, effect: EffectOf<"git.merge">): Promise<Answer> {
  const { config, settings } = rig.world.rig.context;
  if (config === null) return { kind: "refused", status: 409, error: "the rig is not configured" };
  const dispatchId = claimId(effect.reviewId, effect.claim);
  const env = await rig.ports.agentEnvironment({
    agentId: "refinery",
    rigId: config.rigId,
    townId: config.townId,
    userId: config.userId,
    dispatchId,
    role: "refinery",
    reviewId: effect.reviewId,
  });
  return rig.ports.container(config.townId).merge(
    {
      rigId: config.rigId,
      branch: effect.branch,
      ...(effect.commit === undefined ? {} : { commit: effect.commit }),
      targetBranch: config.defaultBranch,
      gitUrl: config.gitUrl,
      entryId: effect.reviewId,
      beadId: effect.beadId,
      agentId: effect.agentId,
      dispatchId,
      envVars: env,
      ...placeOfOrder(settings),
    },
    settings.effect_timeout_ms,
  );
}

/** Refusals of what was asked, and not of who asked or when. */
const OF_INPUT: ReadonlySet<number> = new Set([400, 413, 422]);

/** What an answer means for the rig: facts (perhaps none), or one more try. */
function factsOf(effect: Asked, answer: Answer, attempts: number): Fact[] | "retry" {
  switch (effect.kind) {
    case "container.start": {
      // One try: an unknown start may be running, and only observation or its lease decides.
      const { agentId, dispatchId } = effect;
      if (answer.kind === "accepted")
        return [startAccepted(effect, answer), ...setAsideBy(effect, answer.setAside ?? [])];
      // It says something of the place and nothing of the bead: it waits, uncharged, as when a provider says so.
      if (answer.kind === "refused" && answer.code !== undefined && isOfPlace(answer.code))
        return [
          {
            type: "agent.exited",
            agentId,
            dispatchId,
            outcome: "place",
            reason: clip(`${answer.code}: ${answer.error}`),
            resetAt: null,
          },
        ];
      // It does not run, because there is no room for it now, or the container is about to end.
      if (answer.status === 429 || answer.status === 503)
        return [
          { type: "agent.exited", agentId, dispatchId, outcome: "full", reason: clip(answer.error), resetAt: null },
        ];
      if (answer.kind === "refused")
        return [
          {
            type: "start.refused",
            agentId,
            dispatchId,
            status: answer.status,
            error: clip(answer.error),
            ...(OF_INPUT.has(answer.status) ? { input: true as const } : {}),
          },
        ];
      return [startUnknown(effect, answer)];
    }
    case "container.answer": {
      if (answer.kind === "unknown" && attempts < LIMITS.effect_attempts) return "retry";
      return answerFacts(effect, answer);
    }
    case "git.merge": {
      const { reviewId, claim } = effect;
      if (answer.kind === "accepted") return [];
      if (answer.kind === "refused")
        return [{ type: "merge.refused", reviewId, claim, status: answer.status, error: clip(answer.error) }];
      return attempts < LIMITS.effect_attempts
        ? "retry"
        : [{ type: "merge.unknown", reviewId, claim, error: clip(answer.error) }];
    }
    case "git.train":
      if (answer.kind === "accepted") return [];
      return answer.kind === "unknown" && attempts < LIMITS.effect_attempts ? "retry" : trainFacts(effect, answer);
    case "container.stop":
    case "container.message":
    case "container.clear":
    case "notify":
      return saidFacts(effect, answer, attempts);
    default:
      return assertNever(effect);
  }
}
