import { ImportError } from "./import.ts";
import type { RigPorts } from "./ports.ts";
import { execute, openRig, type Rig } from "./rig.ts";

/** Opens what was written from a file, and in the same breath says so: no moment is between in which it would go on as it was. */
export function restored(ports: RigPorts, by: string, secrets: readonly string[]): Rig {
  const rig = openRig(ports);
  const decision = execute(
    rig,
    { type: "restore", by, secrets: [...secrets] },
    { kind: "system", id: by, dispatchId: null },
  );
  if (!decision.ok) throw new ImportError(422, decision.error);
  return rig;
}
