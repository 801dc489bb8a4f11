/** A terminal as the live view wants it: a page of its own, every key as it is pressed, and all of it given back at the end. */
import type { ReadStream, WriteStream } from "node:tty";
import type { Screen } from "./run.ts";
import type { Size } from "./view.ts";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** A terminal that does not say how large it is. */
export const PLAIN: Size = { columns: 80, rows: 24 };

export const sizeOf = ({ columns, rows }: Pick<WriteStream, "columns" | "rows">): Size => ({
  columns: Math.max(20, columns || PLAIN.columns),
  rows: Math.max(6, rows || PLAIN.rows),
});

/** Lines as they replace the page, without a flicker. */
export const pageOf = (lines: readonly string[]): string =>
  `${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join("\r\n")}${CLEAR_BELOW}`;

/** @returns what `run` returns, once the terminal is what it was */
export async function withTerminal<T>(
  input: ReadStream,
  output: WriteStream,
  run: (screen: Screen) => Promise<T>,
): Promise<T> {
  const leave = (): void => {
    input.setRawMode(false);
    output.write(LEAVE);
  };
  process.once("exit", leave);
  input.setRawMode(true);
  input.setEncoding("utf8");
  output.write(ENTER);
  try {
    return await run({
      size: () => sizeOf(output),
      draw: (lines) => void output.write(pageOf(lines)),
      keys: input as AsyncIterable<string>,
    });
  } finally {
    process.removeListener("exit", leave);
    leave();
  }
}
