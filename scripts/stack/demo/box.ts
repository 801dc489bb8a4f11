/** Which box the work of the demo was made and checked in. */
import { NOTES_REF } from "../../../container/train/notes.ts";
import type { DemoRepository } from "./repository.ts";

/** From the receipts that lie beside the code, and not from what was meant. @returns one line for people */
export function boxLine({ git }: DemoRepository): string {
  const notes = git("notes", `--ref=${NOTES_REF}`, "list").split("\n").filter(Boolean);
  const said = notes.map(
    (line) => (JSON.parse(git("cat-file", "blob", line.split(" ")[0] ?? "")) as { box?: string }).box,
  );
  return `box: ${[...new Set(said)].map((one) => one ?? "nobody knows").join("; ")} (${said.length} receipts)`;
}
