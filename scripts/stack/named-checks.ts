/** The checks of `npm start -- --check COMMAND`: named after their commands, as far as a name can be. */
import type { Check } from "../../src/events/gate.ts";

/** As the rig takes them: letters, digits, blanks and `._-`, at most 60, no two alike. */
type Named = Pick<Check, "name" | "command">;
const NAME_CHARS = 60;

/** @param before the checks that are set: one of the same command stays as it is */
export function checksOf(commands: readonly string[], before: readonly Check[]): readonly Named[] {
  const names = new Set<string>();
  return commands.map((command) => {
    const set = before.find((check) => check.command === command);
    const plain = set?.name ?? nameOf(command);
    let name = plain;
    for (let n = 2; names.has(name); n++) name = `${plain.slice(0, NAME_CHARS - 4)} ${n}`;
    names.add(name);
    return { ...set, name, command };
  });
}

function nameOf(command: string): string {
  const name = command
    .replaceAll(/[^A-Za-z0-9 ._-]+/g, " ")
    .replace(/^[^A-Za-z0-9]+/, "")
    .replaceAll(/ +/g, " ")
    .slice(0, NAME_CHARS)
    .trim();
  return name === "" ? "check" : name;
}
