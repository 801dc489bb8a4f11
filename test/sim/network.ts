import type { TrainState } from "../../src/wire/train.ts";
import type { InspectAnswer } from "../../src/wire/container.ts";
import type { Answer, ContainerPort } from "../../src/do/ports.ts";
import type { Life, SimRig, Stage } from "./stage.ts";

/** The way to the container and back: a call is lost, doubled, late or mute, and its rig may die while it waits. */

/** A call that throws for want of an answer, as `statuses` does. */
export class Lost extends Error {}

/** Who calls: one life of one rig, which ends when it is killed on the way. */
export interface Line {
  readonly stage: Stage;
  readonly r: SimRig;
  readonly life: Life;
  readonly kill: (why: string) => void;
}

const NEVER = new Promise<never>(() => {});
const unknown = (error: string): { kind: "unknown"; error: string } => ({ kind: "unknown", error });
/** Without a stack: it tells nothing of a simulated network, and costs more than the call. */
export function throwing(error: string): Lost {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const lost = new Lost(error);
  Error.stackTraceLimit = stackTraceLimit;
  return lost;
}

/** One call to the container, through the network: three answers, and everything between. */
export function call<T>(
  line: Line,
  name: string,
  timeout_ms: number,
  deliver: () => T,
  lostAs: (error: string) => T | Lost,
): Promise<T> {
  const { stage, r, life, kill } = line;
  if (life.dead) return NEVER;
  if (stage.has("crash") && stage.luck.chance(0.002)) {
    kill(`before ${name} leaves`);
    return NEVER;
  }
  return new Promise<T>((resolve, reject) => {
    let over = false;
    const answer = (value: T | Lost): void => {
      if (over || life.dead) return;
      over = true;
      if (stage.has("crash") && stage.luck.chance(0.002)) kill(`when ${name} is answered`);
      else if (value instanceof Lost) reject(value);
      else resolve(value);
    };
    const { town } = r;
    const isDown = (): boolean => stage.queue.now < town.unreachableUntil;
    const network = stage.has("network") ? stage.luck.weighted({ fine: 93, lost: 2, mute: 3, doubled: 2 }) : "fine";
    const there =
      stage.luck.between(1, 60) + (stage.has("container") && town.slow_ms > 0 ? stage.luck.around(town.slow_ms) : 0);
    const back = stage.luck.between(1, 60);
    stage.queue.after(timeout_ms, () => over || life.dead || answer(lostAs(`no answer within ${timeout_ms} ms`)));
    if (network === "lost") {
      stage.counts.lost++;
      stage.trace(() => `network: ${name} is lost`);
      return;
    }
    stage.queue.after(there, () => {
      if (isDown()) {
        if (stage.luck.chance(0.5)) stage.queue.after(back, () => answer(lostAs("connection refused")));
        return;
      }
      const value = deliver();
      stage.trace(
        () =>
          `container: ${name} -> ${typeof value === "object" && value !== null && "kind" in value ? JSON.stringify(value) : "ok"}`,
      );
      if (network === "doubled") {
        stage.counts.doubled++;
        stage.queue.after(stage.luck.around(20_000), () => {
          if (!isDown()) deliver();
        });
      }
      if (network === "mute") {
        stage.counts.lost++;
        stage.trace(() => `network: the answer to ${name} is lost`);
        return;
      }
      stage.queue.after(back, () => answer(value));
    });
  });
}

export function containerOf(line: Line): ContainerPort {
  const { r } = line;
  return {
    start: (order, timeout_ms) =>
      call<Answer>(line, `start ${order.dispatchId}`, timeout_ms, () => r.town.start(r, order), unknown),
    stop: (effect, timeout_ms) =>
      call<Answer>(
        line,
        `stop ${effect.dispatchId} (${effect.reason})`,
        timeout_ms,
        () => r.town.stop(effect.agentId, effect.dispatchId, effect.reason),
        unknown,
      ),
    message: (effect, timeout_ms) =>
      call<Answer>(line, `message ${effect.dispatchId}`, timeout_ms, () => r.town.message(effect.agentId), unknown),
    answer: (effect, timeout_ms) =>
      call<Answer>(
        line,
        `answer ${effect.dispatchId} ${effect.askId}`,
        timeout_ms,
        () => r.town.answer(effect.agentId, effect.askId),
        unknown,
      ),
    merge: (order, timeout_ms) =>
      call<Answer>(line, `merge ${order.dispatchId}`, timeout_ms, () => r.town.merge(r, order), unknown),
    train: (order, timeout_ms) =>
      call<Answer>(line, `train ${order.trainId}`, timeout_ms, () => r.town.train(r, order), unknown),
    trainState: (trainId, timeout_ms) =>
      call<TrainState | null>(line, `look at ${trainId}`, timeout_ms, () => r.town.trainState(trainId), throwing),
    inspect: (order, timeout_ms) =>
      call<InspectAnswer | { kind: "unknown"; error: string }>(
        line,
        `inspect ${order.dispatchId}`,
        timeout_ms,
        () => r.town.inspect(r, order),
        unknown,
      ),
    knowsDispatchIds: (timeout_ms) => call(line, "list", timeout_ms, () => r.town.namesDispatches(), throwing),
    capabilities: (timeout_ms) => call(line, "capabilities", timeout_ms, () => r.town.can, throwing),
    statuses: (agentIds, timeout_ms) =>
      call(
        line,
        "statuses",
        timeout_ms,
        () => ({ agents: r.town.statuses(agentIds), instance: r.town.instance() }),
        throwing,
      ),
    health: (timeout_ms) => call(line, "health", timeout_ms, () => ({ instance: r.town.instance() }), throwing),
  };
}
