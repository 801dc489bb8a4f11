import * as fc from "fast-check";
import { expect, test } from "vitest";
import { keysIn, press, TYPED_CHARS } from "../../../cli/feed/keys.ts";
import { pageOf, PLAIN, sizeOf } from "../../../cli/feed/terminal.ts";
import { keysOf, render, type Runner, type Seen, type View } from "../../../cli/feed/view.ts";
import type { Need, Needed } from "../../../cli/needs.ts";
import { widthOf } from "../../../cli/text.ts";
import { need, rig } from "./needs.ts";

/** The live view as text, and what its keys do. */

const AT = Date.parse("2026-11-26T12:00:00Z");
const needed = (of: Partial<Need>): Needed => ({
  rig,
  need: need({
    key: of.key ?? String(of.code),
    title: "polecat-1 asks: Red or blue?",
    since: "2026-11-26T11:57:00Z",
    beads: [{ id: "bead-1", title: "Paint it" }],
    ...of,
  }),
});
const question = needed({
  code: "question",
  ask: {
    id: "1",
    kind: "question",
    text: "Red or blue?\nSoon, please.",
    command: null,
    options: [
      { id: "r", label: "Red" },
      { id: "b", label: "Blue" },
    ],
  },
});
const permission = needed({
  code: "permission",
  title: "polecat-2 waits at a permission prompt",
  agents: [{ id: "agent-2", name: "polecat-2" }],
  ask: {
    id: "2",
    kind: "permission",
    text: "Run it?",
    command: "rm -rf build",
    options: [
      { id: "allow", label: "Allow" },
      { id: "deny", label: "Deny" },
    ],
  },
});
const failed = needed({
  code: "failed",
  title: "2 beads failed for one reason",
  agents: [],
  escalations: [{ id: "e", title: "x", body: "", options: [] }],
});
const runner: Runner = {
  rig: "rig-1",
  id: "agent-3",
  name: "polecat-3",
  status: "working",
  title: "Fix the login",
  says: "reading tests",
  lastActivityAt: "2026-11-26T11:59:58Z",
};
const seen = (of: Partial<Seen> = {}): Seen => ({
  url: "http://127.0.0.1:8787",
  needs: [question, permission, failed],
  runners: [runner],
  beads: { in_progress: 3, failed: 2 },
  at: AT,
  trouble: null,
  ...of,
});
const view = (of: Partial<View> = {}): View => ({
  seen: seen(),
  selected: null,
  asking: null,
  following: null,
  told: "",
  ...of,
});
const keys = (from: View, ...pressed: string[]) => {
  let current = from;
  for (const key of pressed) current = press(current, key).view;
  return current;
};

test("one page of 80 columns and 24 lines: who is needed with the question in full, who is at work, and the keys that help", () => {
  const lines = render(view(), PLAIN);
  expect(lines).toHaveLength(24);
  expect(lines.slice(0, 12)).toEqual([
    `ticktown http://127.0.0.1:8787: 3 in progress, 2 failed${" ".repeat(15)} 12:00:00Z`,
    "3 needs:",
    `> now  polecat-1 asks: Red or blue?${" ".repeat(39)} 3 min`,
    "       Red or blue?",
    "       Soon, please.",
    "       choose: Red (r) | Blue (b)",
    `  now  polecat-2 waits at a permission prompt${" ".repeat(29)} 3 min`,
    `  now  2 beads failed for one reason${" ".repeat(38)} 3 min`,
    "",
    "1 agent at work:",
    `  polecat-3  working     Fix the login: reading tests${" ".repeat(23)} 2 s`,
    "",
  ]);
  expect(lines.at(-1)).toBe("up/down  a answer  1-9 choose  f follow  o open  q quit");
});

test("FEED-fits whatever the rigs say and however small the terminal is, nothing is wider, longer or an order to it", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constant("\u001b[2J\u001b]0;x\u0007\r\n\tx\u009b"));
  const size = fc.record({ columns: fc.integer({ min: 20, max: 200 }), rows: fc.integer({ min: 6, max: 60 }) });
  fc.assert(
    fc.property(text, text, text, size, fc.nat(4), (title, name, told, size, at) => {
      const hostile = seen({
        needs: [
          question,
          needed({
            code: "permission",
            title,
            ask: { id: "1", kind: "permission", text: title, command: name, options: [] },
          }),
        ],
        runners: [{ ...runner, name, title, says: told }],
        trouble: at === 0 ? told : null,
      });
      const one = view({ seen: hostile, told, selected: keysOf(hostile)[at % 3] ?? null });
      for (const shown of [
        one,
        { ...one, asking: { what: "answer" as const, text: title } },
        { ...one, following: { name, lines: [title, told] } },
      ]) {
        const lines = render(shown, size);
        expect(lines.length).toBe(size.rows);
        for (const line of lines) {
          expect(widthOf(line)).toBeLessThanOrEqual(size.columns);
          expect(line).not.toMatch(/\p{Cc}/u);
        }
      }
    }),
  );
});

test("what is selected is seen when there is more than fits, and stays selected when others come", () => {
  const many = Array.from({ length: 40 }, (_, n) => needed({ code: "failed", key: `k${n}`, title: `need ${n}` }));
  const down = keys(view({ seen: seen({ needs: many }) }), ...Array.from({ length: 30 }, () => "j"));
  expect(render(down, PLAIN).find((line) => line.startsWith(">"))).toContain("need 30");
  const later = { ...down, seen: seen({ needs: [question, ...many] }) };
  expect(render(later, PLAIN).find((line) => line.startsWith(">"))).toContain("need 30");
  expect(keys(view(), "k").selected).toBe(keysOf(seen())[0]);
  expect(keys(view(), ...Array.from({ length: 9 }, () => "\u001b[B")).selected).toBe(keysOf(seen()).at(-1));
});

test("an answer is typed and sent by Enter, mended by Backspace, given up by Escape", () => {
  const typing = keys(view(), "a", "l", "eff", "\u007f", "t", "\u001b[A");
  expect(render(typing, PLAIN).at(-2)).toBe("answer: left_");
  expect(press(typing, "\r").act).toEqual({ type: "reply", to: question, choice: { id: null, label: "left" } });
  expect(keys(typing, "\u001b").asking).toBeNull();
  expect(press(keys(view(), "a"), "\r").act).toBeNull();
  expect(keys(view(), "a", "two\nlines\u0000").asking?.text).toBe("two lines ");
  expect(keys(view(), "a", "x".repeat(TYPED_CHARS + 1)).asking?.text).toHaveLength(TYPED_CHARS);
});

test("FEED-keys a key does what its line says of what is selected, and nothing of what is not", () => {
  const act = (selected: number, key: string, of: Partial<View> = {}) =>
    press(view({ selected: keysOf(seen())[selected] ?? null, ...of }), key).act;
  expect(act(0, "2")).toEqual({ type: "reply", to: question, choice: { id: "b", label: "Blue" } });
  expect([act(0, "3"), act(0, "y"), act(0, "r"), act(0, "x")]).toEqual([null, null, null, null]);
  expect(act(1, "y")).toEqual({ type: "reply", to: permission, choice: { id: "allow", label: "Allow" } });
  expect(act(1, "n")).toMatchObject({ choice: { id: "deny" } });
  expect([act(2, "y"), act(2, "n"), act(2, "a")]).toEqual([null, null, null]);
  expect(act(2, "r")).toEqual({ type: "retry", of: failed });
  expect(act(2, "s")).toEqual({ type: "settle", of: failed });
  expect(act(3, "f")).toEqual({ type: "follow", agentId: "agent-3", name: "polecat-3" });
  expect([act(3, "y"), act(3, "a"), act(3, "r")]).toEqual([null, null, null]);
  expect([act(0, "o"), act(0, "q"), act(0, "\u0003")]).toEqual([{ type: "open" }, { type: "quit" }, { type: "quit" }]);
  const odd = needed({
    code: "permission",
    ask: { id: "1", kind: "permission", text: "?", command: null, options: [{ id: "1", label: "Perhaps" }] },
  });
  const pressed = press(view({ seen: seen({ needs: [odd] }) }), "y");
  expect([pressed.act, pressed.view.told]).toEqual([null, "it offers other answers: choose one by its number"]);
});

test("what is followed is seen to its end, and q goes back instead of quitting", () => {
  const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`);
  const following = view({ following: { name: "polecat-3", lines } });
  const page = render(following, PLAIN);
  expect(page[1]).toBe("What polecat-3 prints:");
  expect(page.at(-3)).toBe("line 49");
  expect(press(following, "q")).toEqual({ view: view(), act: { type: "back" } });
  expect(press(following, "y").act).toBeNull();
});

test("several keys that come at once are several, and what is pasted into an answer is one", () => {
  expect(keysIn("jjy", view())).toEqual(["j", "j", "y"]);
  expect(keysIn("\u001b[A", view())).toEqual(["\u001b[A"]);
  expect(keysIn("a text", keys(view(), "a"))).toEqual(["a text"]);
});

test("a terminal that does not say how large it is has 80 columns and 24 lines; a page replaces the one before", () => {
  expect(sizeOf({ columns: 0, rows: 0 })).toEqual(PLAIN);
  expect(sizeOf({ columns: 5, rows: 2 })).toEqual({ columns: 20, rows: 6 });
  expect(pageOf(["a", "b"])).toBe("\u001b[Ha\u001b[K\r\nb\u001b[K\u001b[J");
});
