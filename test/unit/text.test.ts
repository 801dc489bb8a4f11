import { expect, test } from "vitest";
import { cleanText, nestingOf, takeText, TextError } from "../../src/wire/text.ts";

/** Where a text was refused, or "taken". */
function judge(value: unknown): string {
  try {
    takeText(value, "written");
    return "taken";
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    return `${error.path.join(".")}: ${/^U\+\w+/.exec(error.message)?.[0]}`;
  }
}

test("zeroshot#621 every control character but tab and line feed is refused, with its name and its place", () => {
  for (let code = 0; code < 0xa0; code++) {
    const isControl = (code < 0x20 || code >= 0x7f) && ![0x09, 0x0a, 0x0d].includes(code);
    const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    expect(judge({ title: `a${String.fromCharCode(code)}b` })).toBe(isControl ? `title: ${name}` : "taken");
  }
});

test("a lone surrogate is refused, a pair is a character", () => {
  expect(judge(["\ud800"])).toBe("0: U+D800");
  expect(judge(["a\udc00"])).toBe("0: U+DC00");
  expect(judge(["🏚️ 𝕋 \u202e \u00a0 \ufffd"])).toBe("taken");
});

test("names of members are texts as well, wherever they are", () => {
  expect(judge({ metadata: { deep: [{ "a\u0000": 1 }] } })).toBe("metadata.deep.0: U+0000");
  expect(judge({ metadata: { deep: [{ a: "\u001b[2J" }] } })).toBe("metadata.deep.0.a: U+001B");
});

test("a line ends with a line feed, however it was written", () => {
  expect(takeText({ body: "a\r\nb\rc\n", n: 1, no: null }, "written")).toEqual({ body: "a\nb\nc\n", n: 1, no: null });
});

test("a member called __proto__ stays one", () => {
  const taken = takeText(JSON.parse('{"__proto__":{"a":"\\r\\n"}}'), "written") as object;
  expect(JSON.stringify(taken)).toBe('{"__proto__":{"a":"\\n"}}');
  expect(Object.getPrototypeOf(taken)).toBe(Object.prototype);
});

test("what a program reports is cleaned and taken", () => {
  expect(takeText({ reason: "\u001b[31mfatal\u001b[0m\r\n\u0000", "k\u0007": ["\ud800"] }, "reported")).toEqual({
    reason: "\ufffd[31mfatal\ufffd[0m\n\ufffd",
    "k\ufffd": ["\ufffd"],
  });
  expect(cleanText("plain\ttext\n")).toBe("plain\ttext\n");
});

test("nesting is counted without parsing, and brackets in texts do not count", () => {
  expect(nestingOf("1")).toBe(0);
  expect(nestingOf('{"a":[{"b":[]}]}')).toBe(4);
  expect(nestingOf('["[[[[", "\\"[[[", {}]')).toBe(2);
  expect(nestingOf("[".repeat(1_000_000))).toBe(1_000_000);
});
