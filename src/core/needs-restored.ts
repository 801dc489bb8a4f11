import type { Level, NeedCode } from "../events/needs.ts";
import { isHeldBack } from "../machines/rig.ts";
import type { Draft } from "./needs.ts";
import type { World } from "./world.ts";

/** A rig that was brought back from a file, and which of its secrets nobody has set again. No file holds any. */
export function ofRestored(
  { rig }: World,
  { secrets = [] }: { readonly secrets?: readonly string[] },
  of: (key: string, code: NeedCode, level: Level, since: number | null) => Draft,
): void {
  const { imported } = rig.context;
  if (imported === undefined || !isHeldBack(rig)) return;
  const missing = imported.secrets.filter((name) => !secrets.includes(name));
  of("restored", "restored", "now", imported.at).values = { by: imported.by, secrets: missing.join(", ") };
}
