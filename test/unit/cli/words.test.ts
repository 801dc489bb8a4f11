import * as fc from "fast-check";
import { expect, test } from "vitest";
import { follow, lineOf, type Printed } from "../../../cli/follow.ts";
import { commandsFor, detailsOf, needOf } from "../../../cli/needs.ts";
import { choicesOf, verdictOf } from "../../../src/core/needs-actions.ts";
import { meant, pick, shorten } from "../../../cli/pick.ts";
import { confirm } from "../../../cli/run.ts";
import { columns, cut, filled, oneLine, printable, span, widthOf } from "../../../cli/text.ts";
import type { Verb } from "../../../cli/verb.ts";
import { toldOf } from "../../../cli/verbs/agents.ts";
import { answerTo } from "../../../cli/verbs/people.ts";
import { settingOf } from "../../../cli/verbs/rig.ts";
import { linesOf, SLUNG } from "../../../cli/verbs/sling.ts";
import { need, rig } from "./needs.ts";

const BEADS = [
  { id: "bead-1a2b3c4d-0000", title: "Fix the login" },
  { id: "bead-1a2b3c4d-1111", title: "Fix the login page", note: "web, open" },
  { id: "bead-9f8e7d6c-2222", title: "deadbeef" },
  { id: "bead-deadbeef-3333", title: "Show it" },
];

test("a thing is meant by its whole id, its title, the beginning of its id, or a part of its title, in this order", () => {
  const of = (text: string) => meant(text, BEADS).map(({ id }) => id.slice(-4));
  expect(of("bead-1a2b3c4d-1111")).toEqual(["1111"]);
  expect(of("fix  the LOGIN")).toEqual(["0000"]);
  expect(of("1a2b3c4d")).toEqual(["0000", "1111"]);
  expect(of("1a2b3c4d-1")).toEqual(["1111"]);
  expect(of("bead-9f8e")).toEqual(["2222"]);
  expect(of("deadbeef")).toEqual(["2222"]);
  expect(of("page")).toEqual(["1111"]);
  expect(of("9f8")).toEqual([]);
  expect(of("bead-")).toEqual([]);
  expect(of(" ")).toEqual([]);
});

test("CLI-ambiguous what may be several is none, and they are listed by ids that are theirs alone", () => {
  expect(() => pick("bead", "fix", BEADS)).toThrow(
    /may be 2 beads[\s\S]*1a2b3c4d-0 .*Fix the login\n[\s\S]*1a2b3c4d-1  web, open  Fix the login page$/,
  );
  expect(() => pick("bead", "nope", BEADS)).toThrow('there is no bead "nope"');
  expect(pick("bead", "show", BEADS).id).toBe("bead-deadbeef-3333");
});

test("a short id whose first part is letters alone is no kind of thing", () => {
  const ids = ["bead-deadbeef-3333", "bead-deadbeef-4444"];
  const things = ids.map((id) => ({ id, title: "same" }));
  expect(ids.map((id) => meant(shorten(ids).get(id) ?? "", things).map((one) => one.id))).toEqual(
    ids.map((id) => [id]),
  );
  expect(meant("bead", things)).toEqual([]);
});

test("a short id finds its own thing and no other, whatever the ids are", () => {
  const id = fc.uuid().map((uuid) => `bead-${uuid}`);
  fc.assert(
    fc.property(fc.uniqueArray(id, { minLength: 1, maxLength: 40 }), (ids) => {
      const things = ids.map((id) => ({ id, title: "same" }));
      const short = shorten(ids);
      for (const id of ids) expect(meant(short.get(id) ?? "", things).map((one) => one.id)).toEqual([id]);
    }),
  );
});

test("CLI-terminal what others wrote moves no cursor, changes no colours and turns no direction", () => {
  const hostile = "\u001b]0;owned\u0007\u001b[2Ja\tb\r\nc\u009b31m\u202egnp\u0000\u2028x\u007f";
  const shown = printable(hostile);
  expect(shown).toBe("\ufffd]0;owned\ufffd\ufffd[2Ja\tb\nc\ufffd31m\ufffdgnp\ufffd\ufffdx\ufffd");
  expect(oneLine("a\n\n b\u001b[1m ")).toBe("a b\ufffd[1m");
  expect(
    columns(
      [
        ["a\u001b[1m", "x"],
        ["bcd", "y\nz"],
      ],
      "",
    ),
  ).toBe("a\ufffd[1m  x\nbcd    y z");
  expect(columns([], "none")).toBe("none");
  expect(lineOf({ id: 1, type: "output", data: { text: "\u001b[31mred\u001b[0m\n" } })).toBe("\ufffd[31mred\ufffd[0m");
  expect(lineOf({ id: 1, type: "heartbeat_failed", data: {} })).toBeNull();
  expect(lineOf({ id: 1, type: "x", data: { a: 1 } })).toBe('[x] {"a":1}');
});

test("spans are said in their largest unit, and what is cut is seen to be", () => {
  expect([span(999), span(59_000), span(60_000), span(3_600_000), span(86_400_000)]).toEqual([
    "1 s",
    "59 s",
    "1 min",
    "1 h",
    "1 d",
  ]);
  expect([cut("abcdef", 6), cut("abcdefg", 6)]).toEqual(["abcdef", "abc..."]);
  expect([widthOf("日本"), widthOf("e\u0301"), cut("日本語日本", 8), filled("日", 3)]).toEqual([
    4,
    1,
    "日本...",
    "日 ",
  ]);
});

test("a file is a list, or a line of JSON each; what is wrong in it is named with its line, and nothing is slung", () => {
  const text = `# chores\n\n- Add the column\n2. [ ] Fill it\n{"title":"Show it","after":"Fill it","labels":["ui"]}\nplain`;
  expect(linesOf(text, "f")).toEqual([
    { title: "Add the column" },
    { title: "Fill it" },
    { title: "Show it", after: "Fill it", labels: ["ui"] },
    { title: "plain" },
  ]);
  expect(() => linesOf('ok\n{"titel":"x"}', "f")).toThrow(/f, line 2: .*titel.*nothing was slung/);
  expect(() => linesOf('{"title":', "f")).toThrow("f, line 1: ");
  expect(() => linesOf('{"title":"x","priority":"urgent"}', "f")).toThrow("priority");
});

test("a file of 1,000 beads is taken, and one of 1,001 is not", () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => `bead ${n}`).join("\n");
  expect(linesOf(many(SLUNG.beads), "f")).toHaveLength(1_000);
  expect(() => linesOf(many(SLUNG.beads + 1), "f")).toThrow("line 1001: a file may hold 1000 beads");
});

test("a setting is JSON where it is JSON, and one that is not known is refused", () => {
  expect(settingOf("capacity=4")).toEqual(["capacity", 4]);
  expect(settingOf("model=x=y")).toEqual(["model", "x=y"]);
  expect(settingOf("checks=null")).toEqual(["checks", null]);
  expect(() => settingOf("capasity=4")).toThrow("capacity");
  expect(() => settingOf("capacity")).toThrow("NAME=VALUE");
});

test("a message that is held is not said to have been told", () => {
  expect(toldOf("polecat-1", { sent: true })).toBe("polecat-1 was told");
  expect(toldOf("polecat-1", { sent: false })).toMatch(
    /^polecat-1 was not told yet: it is held .*, and lost if its process ends/,
  );
});

const asking = (options: { id: string; label: string }[]) =>
  need({ code: "permission", ask: { id: "a", kind: "permission", text: "Run it?", command: "rm -rf build", options } });

test("F-801: a question and a permission prompt show all that is needed to answer, and the command that does", () => {
  const asked = asking([
    { id: "allow", label: "Allow" },
    { id: "deny", label: "Deny" },
  ]);
  expect(detailsOf(asked)).toEqual(["Run it?", "$ rm -rf build", "choose: Allow (allow) | Deny (deny)"]);
  expect(commandsFor({ rig, need: asked })).toEqual([String.raw`allow "Say \"hi\""`, String.raw`deny "Say \"hi\""`]);
  const question = need({
    escalations: [{ id: "e", title: "which?", body: "Red or blue?\nSoon.", options: ["red", "blue"] }],
  });
  expect(detailsOf(question)).toEqual(["Red or blue?", "Soon.", "choose: red | blue"]);
  expect(choicesOf(question)).toEqual([
    { id: null, label: "red" },
    { id: null, label: "blue" },
  ]);
});

test("an answer in words is the option that it names; to a permission other words are not sent", () => {
  const permission = asking([
    { id: "yes", label: "Allow" },
    { id: "al", label: "Always" },
    { id: "no", label: "Deny" },
  ]);
  expect(["yes", " Allow", "AL"].map((words) => answerTo(permission, words).id)).toEqual(["yes", "yes", "al"]);
  expect(() => answerTo(permission, "sure")).toThrow("one of Allow (yes), Always (al), Deny (no); nothing was said");
  const question = need({ escalations: [{ id: "e", title: "which?", body: "", options: ["red", "blue"] }] });
  expect(answerTo(question, "red")).toEqual({ id: null, label: "red" });
  expect(answerTo(question, "green")).toEqual({ id: null, label: "green" });
});

test("CLI-allow allow and deny choose what is for once, and nothing where nothing says so", () => {
  const acp = asking([
    { id: "p3", label: "Always allow" },
    { id: "p2", label: "Allow always" },
    { id: "p1", label: "Allow once" },
    { id: "n2", label: "Reject always" },
    { id: "n1", label: "Reject" },
  ]);
  expect(verdictOf(acp, true)?.id).toBe("p1");
  expect(verdictOf(acp, false)?.id).toBe("n1");
  const odd = asking([{ id: "1", label: "Perhaps" }]);
  expect([verdictOf(odd, true), verdictOf(odd, false)]).toEqual([undefined, undefined]);
});

test("F-802: failures of one cause are one entry, and one command tries all of them again", () => {
  const failed = need({ code: "failed", count: 5, agents: [] });
  expect(commandsFor({ rig, need: failed })[0]).toBe("retry --all --dry-run");
  const found = needOf(
    "polecat-1",
    [
      { rig, need: failed },
      { rig, need: need({}) },
    ],
    "question",
  );
  expect(found.need.code).toBe("question");
  expect(() => needOf("x", [], "question")).toThrow("question: there is none");
});

test("CLI-confirm what cannot be taken back is asked for on a terminal, and elsewhere wants --yes", async () => {
  const verb = { name: "cancel", effect: "destroys", args: { beads: { about: "" } } } as unknown as Verb;
  const input = { beads: ["x"] };
  const asked: string[] = [];
  const answers = (answer: string) => async (question: string) => {
    asked.push(question);
    return answer;
  };
  await expect(confirm(verb, input, { globals: {}, ask: null })).rejects.toThrow("--yes");
  await expect(confirm(verb, input, { globals: {}, ask: answers("") })).rejects.toThrow("nothing was done");
  await confirm(verb, input, { globals: {}, ask: answers("y") });
  await confirm(verb, input, { globals: { yes: true }, ask: null });
  await confirm({ ...verb, effect: "changes" }, input, { globals: {}, ask: null });
  expect(asked).toEqual(Array.from({ length: 2 }, () => "cancel x: this cannot be taken back. Go on? [y/N] "));
});

test("what is followed ends with its agent, and begins nothing when it was asked to stop", async () => {
  const stopped = new AbortController();
  stopped.abort();
  const seen: Printed[] = [];
  await follow({
    after: 0,
    print: (event) => seen.push(event),
    signal: stopped.signal,
    open: () => Promise.reject(new Error("opened")),
    isAlive: () => Promise.reject(new Error("asked")),
  });
  expect(seen).toEqual([]);
});
