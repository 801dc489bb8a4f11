/** What every driver promises, whatever its agent does: each test is run with a fake agent of each protocol. */
import { describe, expect, test } from "vitest";
import {
  DRIVER_LOAD_MS,
  DRIVER_OPEN_MS,
  MESSAGES_HELD_MAX,
  TURN_SILENCE_MS,
  NUDGES_MAX,
  WORDS_EVENT_MAX_CHARS,
} from "../../../container/limits.ts";
import type { DriverKind } from "../../../container/agents/drivers/vocabulary.ts";
import { NUDGE, openStage, settled, stageOf } from "./stage.ts";

const KINDS: readonly DriverKind[] = ["acp", "claude", "codex"];

describe.each(KINDS)("a driver of %s, with an agent that", (kind) => {
  test("works and stops: session, words, tools, usage and the end of the turn are told in their order", async () => {
    const stage = openStage(kind);
    expect(stage.heard("open")).toEqual([{ what: "open", session: null }]);
    expect(stage.heard("prompt")).toEqual([{ what: "prompt", text: "Do the work." }]);
    stage.fake.says("I will write it.");
    stage.now += 1000;
    stage.fake.startsTool("t1");
    expect(stage.conversation.facts()).toMatchObject({ session: "chosen", progressAt: stage.now - 1000 });
    expect(stage.conversation.facts().activeTools).toHaveLength(1);
    stage.now += 1000;
    stage.fake.endsTool("t1");
    expect(stage.conversation.facts()).toMatchObject({ activeTools: [], progressAt: stage.now });
    stage.afterTurn = () => ({ kind: "handed_in" });
    stage.fake.endsTurn();
    await settled();
    expect(stage.types()).toEqual(["session", "text", "tool_start", "tool_end", "turn_end"]);
    expect(stage.told[1]?.data).toEqual({ text: "I will write it." });
    expect(stage.ends).toEqual([null]);
  });

  test("never answers: its opening has a deadline", () => {
    const stage = stageOf(kind);
    stage.conversation.open(null);
    stage.now += DRIVER_OPEN_MS - 1;
    stage.conversation.tick();
    expect(stage.ends).toEqual([]);
    stage.now += 1;
    stage.conversation.tick();
    expect(stage.ends).toEqual([
      { kind: "crashed", until: null, says: `its conversation was not open after ${DRIVER_OPEN_MS / 1000} s` },
    ]);
  });

  test("never answers when it is asked for its old conversation: it is lost after a minute without a word, and not while it tells of it", () => {
    const stage = stageOf(kind);
    stage.conversation.open("old");
    stage.now += DRIVER_LOAD_MS - 1;
    stage.conversation.tick();
    stage.print("{}\n");
    stage.now += DRIVER_LOAD_MS - 1;
    stage.conversation.tick();
    expect(stage.ends).toEqual([]);
    stage.now += 1;
    stage.conversation.tick();
    const says = `its conversation was not open after ${DRIVER_LOAD_MS / 1000} s`;
    expect([stage.ends, stage.lost]).toEqual([[{ kind: "crashed", until: null, says }], [true]]);
  });

  test("never answers its prompt: it waits for its model, and nobody stops it", () => {
    const stage = openStage(kind);
    const since = stage.now;
    const before = stage.changes;
    stage.now += TURN_SILENCE_MS - 1;
    stage.conversation.tick();
    expect(stage.conversation.facts().waiting).toBeNull();
    stage.now += 1;
    stage.conversation.tick();
    expect(stage.conversation.facts().waiting).toEqual({ for: "model", since, until: null });
    expect(stage.changes).toBe(before + 1);
    stage.fake.says("Here I am.");
    expect(stage.conversation.facts().waiting).toBeNull();
    expect(stage.changes).toBe(before + 2);
    expect(stage.ends).toEqual([]);
  });

  test("is silent while a tool runs: that is no waiting for a model", () => {
    const stage = openStage(kind);
    stage.fake.startsTool("t1");
    stage.now += 10 * TURN_SILENCE_MS;
    stage.conversation.tick();
    expect(stage.conversation.facts().waiting).toBeNull();
  });

  test("dies before its conversation is open: it has crashed", () => {
    const stage = stageOf(kind);
    stage.conversation.open(null);
    stage.conversation.gone();
    expect(stage.ends).toMatchObject([{ kind: "crashed", says: "it ended before its conversation was open" }]);
    expect(stage.lost).toEqual([false]);
  });

  test("dies in mid-turn: it has crashed, what it had begun to say is not lost, and nothing is open", () => {
    const stage = openStage(kind);
    stage.fake.says("I was about to");
    stage.fake.startsTool("t1");
    stage.print('{"type":"ass');
    stage.conversation.gone();
    expect(stage.ends).toMatchObject([{ kind: "crashed", says: "it ended in mid-turn" }]);
    expect(stage.told.map(({ data }) => data["text"] ?? data["line"]).filter(Boolean)).toEqual([
      "I was about to",
      '{"type":"ass',
    ]);
    expect(stage.conversation.facts().activeTools).toEqual([]);
    expect(stage.conversation.message("hello")).toBe("refused");
  });

  test("answers twice: a turn ends once, a tool ends once, a conversation opens once", async () => {
    const stage = openStage(kind);
    stage.fake.startsTool("t1");
    stage.fake.startsTool("t1");
    stage.fake.endsTool("t1");
    stage.fake.endsTool("t1");
    stage.afterTurn = () => ({ kind: "waits" });
    stage.fake.endsTurn();
    await settled();
    for (const line of stage.fake.printed().slice(-1)) stage.print(`${line}\n`);
    for (const line of stage.fake.printed().slice(0, 3)) stage.print(`${line}\n`);
    await settled();
    const count = (type: string): number => stage.types().filter((one) => one === type).length;
    expect([count("tool_start"), count("tool_end"), count("turn_end")]).toEqual([1, 1, 1]);
    expect(stage.heard("prompt")).toHaveLength(1);
  });

  test("asks twice: one ask, one answer; another one asks again", () => {
    const stage = openStage(kind);
    stage.fake.asks("7", "rm -rf build");
    stage.fake.asks("7", "rm -rf build");
    expect(stage.asked).toHaveLength(1);
    expect(stage.asked[0]).toMatchObject({ id: "permission-7", kind: "permission", command: "rm -rf build" });
    expect(stage.asked[0]?.options.map(({ label }) => label).toSorted()).toEqual(["Allow", "Always", "Deny"]);
    stage.fake.asks("8", "git push");
    expect(stage.asked.map(({ id }) => id)).toEqual(["permission-7", "permission-8"]);
    const idOf = (label: string): string => stage.asked[0]?.options.find((one) => one.label === label)?.id ?? "";
    expect(stage.conversation.answer("permission-7", { optionId: idOf("Allow") })).toBe(true);
    expect(stage.conversation.answer("permission-7", { optionId: idOf("Deny") })).toBe(false);
    expect(stage.conversation.answer("permission-8", { optionId: idOf("Always") })).toBe(true);
    expect(stage.heard("answer").map(({ to, allows, always }) => [to, allows, always])).toEqual([
      ["7", true, false],
      ["8", true, true],
    ]);
    expect(stage.conversation.answer("nobody-asked", { text: "yes" })).toBe(false);
  });

  test("asks and is told no, with words: it is denied, and the words reach it", async () => {
    const stage = openStage(kind);
    stage.fake.asks("7", "rm -rf /");
    const optionId = stage.asked[0]?.options.find(({ label }) => label === "Deny")?.id;
    expect(stage.conversation.answer("permission-7", { optionId, text: "Never, use git clean." })).toBe(true);
    expect(stage.heard("answer")).toMatchObject([{ to: "7", allows: false }]);
    if (kind === "claude") return; // There they are the denial's own words.
    stage.fake.endsTurn();
    await settled();
    expect([...stage.heard("prompt"), ...stage.heard("message")].map(({ text }) => text)).toContain(
      "Never, use git clean.",
    );
  });

  test("asks though it was told to ask nobody: it is allowed at once, and nobody hears of it", () => {
    const stage = openStage(kind, { asksPermission: false });
    stage.fake.asks("7", "ls");
    expect(stage.asked).toEqual([]);
    expect(stage.heard("answer")).toMatchObject([{ to: "7", allows: true }]);
  });

  test("asks and waits: no silence of a model", () => {
    const stage = openStage(kind);
    stage.fake.asks("7", "ls");
    stage.now += 10 * TURN_SILENCE_MS;
    stage.conversation.tick();
    expect(stage.conversation.facts().waiting).toBeNull();
  });

  test("ignores a cancel: it is told once, and works on until its process is ended", async () => {
    const stage = openStage(kind);
    stage.fake.startsTool("t1");
    stage.conversation.cancel();
    expect(stage.heard("cancel")).toHaveLength(1);
    stage.fake.endsTool("t1");
    stage.fake.says("I go on.");
    stage.conversation.tick();
    expect(stage.types()).toEqual(["session", "tool_start", "tool_end", "text"]);
    expect(stage.ends).toEqual([]);
    stage.conversation.gone();
    expect(stage.ends).toHaveLength(1);
  });

  test("floods: its words are told in pieces of bounded size, and its lines as lines", () => {
    const stage = openStage(kind);
    for (let n = 0; n < 20_000; n++) stage.fake.says("word ");
    stage.conversation.tick();
    const words = stage.told.filter(({ type }) => type === "text").map(({ data }) => String(data["text"]));
    expect(words.join("")).toBe("word ".repeat(20_000));
    expect(Math.max(...words.map((text) => text.length))).toBeLessThan(WORDS_EVENT_MAX_CHARS + 10);
    expect(words.length).toBeLessThan((100_000 / WORDS_EVENT_MAX_CHARS) * 1.1);
    for (let n = 0; n < 5_000; n++) stage.fake.startsTool(`t${n}`);
    expect(stage.conversation.facts().activeTools.length).toBeLessThanOrEqual(50);
  });

  test("prints a line of 5 MB: it is understood as a whole, in whatever pieces it comes", () => {
    const stage = openStage(kind);
    const big = "x".repeat(5_000_000);
    stage.fake.says("before");
    const template = stage.fake.printed().at(-1) ?? "";
    const line = `${template.replace("before", big)}\n`;
    const bytes = Buffer.from(line);
    for (let at = 0; at < bytes.length; at += 65_536)
      stage.conversation.heard(Buffer.from(bytes.subarray(at, at + 65_536)));
    stage.conversation.tick();
    const words = stage.told.filter(({ type }) => type === "text").map(({ data }) => String(data["text"]));
    expect(words.join("").length).toBe("before".length + big.length);
    expect(stage.conversation.facts().skippedLines).toBe(0);
  });

  test("prints a line beyond all limits: it is skipped to its end and counted, and the next one is understood", () => {
    const stage = openStage(kind);
    const piece = Buffer.alloc(1024 * 1024, "y");
    for (let n = 0; n < 17; n++) stage.conversation.heard(piece);
    stage.print("\n");
    stage.fake.startsTool("t1");
    expect(stage.conversation.facts()).toMatchObject({ skippedLines: 1 });
    expect(stage.types()).toEqual(["session", "line_skipped", "tool_start"]);
  });

  test("resumes with a replay of old calls: they are no progress, and no tools", async () => {
    const stage = stageOf(kind);
    stage.conversation.open("old");
    if (kind !== "claude") expect(stage.heard("open")).toEqual([{ what: "open", session: "old" }]);
    stage.fake.replays("old", "t0");
    expect(stage.heard("prompt")).toEqual([{ what: "prompt", text: "Go on." }]);
    expect(stage.types()).toEqual(["session"]);
    expect(stage.told[0]?.data).toEqual({ id: "old", resumed: true });
    expect(stage.conversation.facts()).toMatchObject({ session: "old", progressAt: null, activeTools: [] });
    stage.fake.startsTool("t1");
    stage.fake.endsTool("t1");
    expect(stage.conversation.facts().progressAt).toBe(stage.now);
  });

  test("has lost its old conversation: a new one is begun, by it or by its next process", () => {
    const stage = stageOf(kind);
    stage.conversation.open("old");
    stage.fake.losesSession();
    if (kind === "claude") {
      expect(stage.lost).toEqual([true]);
      expect(stage.ends).toMatchObject([{ kind: "crashed" }]);
      return;
    }
    expect(stage.types()).toEqual(["session_lost"]);
    stage.fake.opens("new");
    expect(stage.conversation.facts().session).toBe("new");
    expect(stage.heard("prompt")).toEqual([{ what: "prompt", text: "Do the work." }]);
  });

  test("ends while it should go on in an old conversation: that one is lost", () => {
    const stage = stageOf(kind);
    stage.conversation.open("old");
    stage.conversation.gone();
    expect(stage.lost).toEqual([true]);
  });

  test(`ends its turn without done: it is told so ${NUDGES_MAX} times, then it has ended without done`, async () => {
    const stage = openStage(kind);
    for (let n = 0; n < NUDGES_MAX; n++) {
      stage.fake.endsTurn();
      await settled();
      expect(stage.ends).toEqual([]);
    }
    expect(stage.heard("prompt").length + stage.heard("message").length).toBe(1 + NUDGES_MAX);
    expect([...stage.heard("prompt"), ...stage.heard("message")].at(-1)?.text).toBe(NUDGE);
    stage.fake.endsTurn();
    await settled();
    expect(stage.ends).toMatchObject([{ kind: "ended_without_done" }]);
  });

  test("hands in what is refused: it is told why, in the same conversation", async () => {
    const stage = openStage(kind);
    stage.afterTurn = () => ({ kind: "refused", text: "notes.txt is not committed" });
    stage.fake.endsTurn();
    await settled();
    expect([...stage.heard("prompt"), ...stage.heard("message")].at(-1)?.text).toBe("notes.txt is not committed");
    stage.afterTurn = () => ({ kind: "handed_in" });
    stage.fake.endsTurn();
    await settled();
    expect(stage.ends).toEqual([null]);
  });

  test("prints garbage: it is output, and nothing else", async () => {
    const stage = openStage(kind);
    const garbage = [
      "npm warn deprecated",
      "{",
      "{}",
      "[1,2]",
      "null",
      '{"id":9999,"result":{}}',
      '{"type":7}',
      "\u0000\u0001",
      '{"method":5}',
    ];
    for (const line of garbage) stage.print(`${line}\n`);
    stage.conversation.heard(Buffer.from([0xff, 0xfe, 0x0a]));
    for (const line of ['{"type":"assistant"}', '{"type":"result","usage":7}'].filter(() => kind !== "claude"))
      stage.print(`${line}\n`);
    expect(stage.types().filter((type) => type !== "session")).toEqual(
      stage.types().filter((type) => type === "output"),
    );
    stage.fake.says("Still here.");
    stage.conversation.tick();
    expect(stage.types().at(-1)).toBe("text");
    expect(stage.ends).toEqual([]);
  });

  test("goes on in an old conversation: nothing of ours has a name that was used there", () => {
    const idsOf = (): string[] => {
      const stage = openStage(kind);
      stage.conversation.message("Mail.");
      return stage.written.flatMap((line) => /"uuid":"([^"]+)"/.exec(line)?.[1] ?? []);
    };
    const ids = [...idsOf(), ...idsOf()];
    expect(ids).toHaveLength(kind === "claude" ? 4 : 0);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("is spoken to while it works: it hears it in its turn", () => {
    const stage = openStage(kind);
    stage.fake.startsTool("t1");
    expect(stage.conversation.message("Mail for you.")).toBe("said");
    expect(stage.heard("message")).toEqual([{ what: "message", text: "Mail for you." }]);
    expect(stage.conversation.facts().messages).toBe(1);
  });

  test("would end its turn for a message: it is held back until the turn is over, and counted then", async () => {
    const stage = openStage(kind, { takesMessages: false });
    expect(stage.conversation.message("one")).toBe("held");
    expect(stage.conversation.message("two")).toBe("held");
    expect(stage.conversation.facts().messages).toBe(0);
    stage.fake.endsTurn();
    await settled();
    expect([...stage.heard("prompt"), ...stage.heard("message")].at(-1)?.text).toBe("one\n\ntwo");
    expect(stage.conversation.facts().messages).toBe(2);
    for (let n = 0; n < MESSAGES_HELD_MAX; n++) expect(stage.conversation.message(`m${n}`)).toBe("held");
    expect(stage.conversation.message("too many")).toBe("refused");
    stage.conversation.gone();
    expect(stage.told.find(({ type }) => type === "messages_undelivered")?.data).toEqual({ count: MESSAGES_HELD_MAX });
  });

  test("has asked a person something: it is not told to go on, and the answer begins its next turn", async () => {
    const stage = openStage(kind);
    stage.afterTurn = () => ({ kind: "waits" });
    stage.fake.endsTurn();
    await settled();
    expect(stage.heard("prompt").length + stage.heard("message").length).toBe(1);
    expect(stage.conversation.message("Blue.")).toBe("said");
    expect([...stage.heard("prompt"), ...stage.heard("message")].at(-1)?.text).toBe("Blue.");
  });

  test("does not read: what is said to it is refused, and it has crashed", () => {
    const stage = stageOf(kind);
    stage.conversation.open(null);
    stage.reads = false;
    stage.fake.opens("chosen");
    expect(stage.ends).toMatchObject([{ kind: "crashed", says: "it does not read what is said to it" }]);
  });

  test.each([
    [429, "This request would exceed your rate limit.", "rate_limited"],
    [401, "invalid x-api-key", "not_authorized"],
    [402, "Your credit balance is too low", "over_budget"],
    [400, "prompt is too long: 208310 tokens > 200000 maximum", "context_full"],
    [500, "Internal server error", "crashed"],
  ] as const)("ends on an answer %i of its model: %s", (status, text, ending) => {
    const stage = openStage(kind);
    stage.fake.fails(status, text);
    expect(stage.ends).toMatchObject([{ kind: ending, says: expect.stringContaining(text) }]);
    expect(stage.conversation.message("hello")).toBe("refused");
  });

  test("tries again by itself: that is told with when, and over with the next word", () => {
    if (kind === "acp") return; // It has no word for it: silence says it there.
    const stage = openStage(kind);
    stage.fake.retries(429);
    expect(stage.conversation.facts().waiting).toEqual({
      for: "model",
      since: stage.now,
      until: kind === "claude" ? new Date(stage.now + 1000).toISOString() : null,
    });
    stage.fake.says("Recovered.");
    expect(stage.conversation.facts().waiting).toBeNull();
  });
});
