import { expect, test } from "vitest";
import { wholeLines } from "../../../container/agents/drivers/lines.ts";

function cut(chunks: readonly (string | Buffer)[], max = 10): { lines: string[]; skipped: number[]; count: number } {
  const lines: string[] = [];
  const skipped: number[] = [];
  const splitter = wholeLines(
    max,
    (line) => lines.push(line),
    (bytes) => skipped.push(bytes),
  );
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return { lines, skipped, count: splitter.skipped() };
}

test("lines come out whole, however they were cut on their way", () => {
  expect(cut(["a", "b\nc", "d\r\n\ne"]).lines).toEqual(["ab", "cd", "", "e"]);
});

test("a letter of several bytes that lies across two chunks is one letter", () => {
  const bytes = Buffer.from("é\n");
  expect(cut([bytes.subarray(0, 1), bytes.subarray(1)]).lines).toEqual(["é"]);
});

test("a line of exactly the limit is given, one byte more is skipped to its end, counted, and no part of it is given", () => {
  expect(cut(["0123456789\nnext\n"])).toEqual({ lines: ["0123456789", "next"], skipped: [], count: 0 });
  expect(cut(["01234", "567890\nnext\n"])).toEqual({ lines: ["next"], skipped: [11], count: 1 });
});

test("what has no end when the stream ends is a line; nothing is none", () => {
  expect(cut(["last"]).lines).toEqual(["last"]);
  expect(cut(["last\n"]).lines).toEqual(["last"]);
  expect(cut(["0123456789x"])).toEqual({ lines: [], skipped: [11], count: 1 });
});
