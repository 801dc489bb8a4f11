import { clip } from "../events/facts.ts";
import { messageOf } from "../events/message-of.ts";
import { importJournal, ImportError, type Imported } from "./import.ts";
import { newHash } from "./new-hash.ts";
import type { RigPorts } from "./ports.ts";
import { restored } from "./restored.ts";
import { openRig, type Rig } from "./rig.ts";
import { migrate } from "./schema.ts";
import { deleted, importing, type Unavailable } from "./unavailable.ts";
import { segmentsOf } from "./archive-read.ts";

/** How an object becomes a rig that was exported before: all of it, or nothing. */

export type ImportAnswer =
  | { readonly ok: true; readonly imported: Imported }
  | { readonly ok: false; readonly status: 400 | 409 | 413 | 422 | 503; readonly error: string };

/** The object, as far as an import needs it. */
interface Place {
  readonly ctx: DurableObjectState;
  readonly archive: R2Bucket | undefined;
  readonly rig: Rig | null;
  ports(): RigPorts;
  /** From now on it is this rig; or none, and why. */
  become(rig: Rig | null, closed: () => Unavailable): void;
}

interface Order {
  readonly file: ReadableStream<Uint8Array>;
  readonly userId: string;
  readonly by: string;
}

/** Its value says what was here before: a rig that was deleted, or nothing. */
const MARK = "importing";

/** An import was under way when the object ended: what there is of it is no rig. */
export const wasInterrupted = ({ storage }: DurableObjectState): boolean => storage.kv.get(MARK) !== undefined;

/** Leaves what was here before. */
export async function takeBack({ storage }: DurableObjectState): Promise<void> {
  const before = storage.kv.get(MARK);
  await storage.deleteAll();
  if (before === "deleted") storage.kv.put("destroyed", true);
}

/** @returns why not; then nothing is left of it */
export async function bringBack(place: Place, { file, userId, by }: Order): Promise<ImportAnswer> {
  const { ctx } = place;
  const refusal = mayNot(place);
  if (refusal !== null) {
    await file.cancel().catch(() => {});
    return refusal;
  }
  const wasDeleted = ctx.storage.kv.get("destroyed") === true;
  place.become(null, importing);
  const ports = place.ports();
  ports.transaction(() => {
    ctx.storage.kv.put(MARK, wasDeleted ? "deleted" : "nothing");
    migrate(ports.sql);
  });
  try {
    const imported = await importJournal(ports, {
      userId,
      file: file as unknown as AsyncIterable<Uint8Array>,
      segments: (rigId) => segmentsOf(place.archive, rigId),
      newHash,
    });
    const rig = ports.transaction(() => {
      ctx.storage.kv.delete(MARK);
      ctx.storage.kv.delete("destroyed");
      return restored(ports, by, imported.secrets);
    });
    place.become(rig, deleted);
    return { ok: true, imported };
  } catch (error) {
    await takeBack(ctx);
    place.become(wasDeleted ? null : openRig(place.ports()), deleted);
    if (error instanceof ImportError) return { ok: false, status: error.status, error: error.message };
    place.ports().log("error", "an import failed", { error: messageOf(error) });
    const words = clip(messageOf(error));
    return { ok: false, status: 503, error: `the import broke off and nothing is left of it: ${words}; send it again` };
  }
}

function mayNot({ ctx, rig }: Place): Extract<ImportAnswer, { ok: false }> | null {
  if (wasInterrupted(ctx)) return { ok: false, status: 409, error: importing().message };
  if (rig === null ? ctx.storage.kv.get("destroyed") === true : rig.world.seq === 0) return null;
  const error = "this rig exists: nothing was changed. Delete it first if the file is to take its place";
  return { ok: false, status: 409, error };
}
