import { COMMANDS } from "../../src/core/decide/index.ts";
import { ACCESS, type Cell } from "./table.ts";

const WORDS: Record<Cell, string> = {
  all: "all",
  own: "its own",
  "own?": "its own",
  others: "others'",
  "-": "–",
};

/** The two tables of docs/access.md. */
export function accessTables(): string {
  const routes = Object.entries(ACCESS).map(([name, row]) => {
    if (row.operator === "public" || row.operator === "ticket")
      return `| \`${name}\` | ${row.operator === "public" ? "everybody" : "who has the ticket"} | | | | | |`;
    const cells = [row.mayor, row.refinery, row.witness, row.polecat, row.container].map((cell) => WORDS[cell]);
    return `| \`${name}\` | ${row.operator} | ${cells.join(" | ")} |`;
  });
  const commands = Object.entries(COMMANDS).map(([name, { may }]) => `| ${name.replaceAll("_", " ")} | ${may.says} |`);
  return [
    "| route | operator | mayor | refinery | witness | polecat | container |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...routes,
    "",
    "| command | who may give it |",
    "| --- | --- |",
    ...commands,
  ].join("\n");
}

export const BEGIN = "<!-- made by `node scripts/access.ts` -->";
export const END = "<!-- end of what is made -->";
