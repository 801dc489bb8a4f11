/** How long a request to a model may take, from its beginning to the end of its answer. */
import type { DoorLimits, Pass } from "./pass.ts";

export interface Watch {
  readonly waitFrom: (since: number) => void;
  /** A byte of the answer is here. */
  readonly heard: () => void;
  /** The answer is an error, which is over soon. */
  readonly isError: () => void;
  readonly onLate: (late: (what: string) => void) => void;
  readonly onEnd: (end: () => void) => void;
  readonly end: () => void;
}

/** Every wait has an end, and a long one is told. */
export function watchOver({ pass, limits }: { readonly pass: Pass; readonly limits: DoorLimits }): Watch {
  let late: (what: string) => void = () => {};
  let atEnd: () => void = () => {};
  const after = (ms: number, what: string): NodeJS.Timeout => setTimeout(() => late(what), ms);
  const whole = after(limits.answer_ms, `the answer took longer than ${limits.answer_ms} ms`);
  let silence = after(limits.firstByte_ms, `nothing came for ${limits.firstByte_ms} ms`);
  let told: NodeJS.Timeout | undefined;
  let waits: { readonly since: number } | null = null;
  let state: "waiting" | "answering" | "error" = "waiting";
  const endWait = (): void => {
    clearTimeout(told);
    if (waits !== null) pass.waiting.delete(waits);
    waits = null;
  };
  return {
    waitFrom: (since) => {
      waits = { since };
      pass.waiting.add(waits);
      told = setTimeout(() => pass.tell({ type: "waiting", since, until: null }), limits.waiting_ms);
    },
    heard: () => {
      if (state === "answering") silence.refresh();
      if (state !== "waiting") return;
      state = "answering";
      if (waits !== null) pass.tell({ type: "answering" });
      endWait();
      clearTimeout(silence);
      silence = after(limits.silence_ms, `nothing came for ${limits.silence_ms} ms in the middle of the answer`);
    },
    isError: () => {
      state = "error";
      endWait();
      clearTimeout(silence);
      silence = after(limits.error_ms, `an error did not end within ${limits.error_ms} ms`);
    },
    onLate: (to) => (late = to),
    onEnd: (to) => (atEnd = to),
    end: () => {
      endWait();
      clearTimeout(silence);
      clearTimeout(whole);
      atEnd();
    },
  };
}
