import { afterEach, beforeEach, expect, test } from "vitest";
import { addressRefusal } from "../../../src/do/notify.ts";
import { giveBack, nextNotice, noteNeeds, NOTICE_TABLES, type Rules, takeDue } from "../../../src/do/notices.ts";
import { DOOR, LIMITS } from "../../../src/events/limits.ts";
import { quietUntil } from "../../../src/events/quiet.ts";
import { NotifyEdit } from "../../../src/wire/notify.ts";
import type { RigDigest } from "../../../src/wire/overview.ts";
import { nodeSql } from "../../support/node-sql.ts";

/** Of which needs somebody is told, and when. */

type Need = RigDigest["needs"][number];
const need = (key: string, more: Partial<Need> = {}): Need => ({
  key,
  code: "question",
  level: "now",
  title: key,
  text: "",
  since: "2026-01-01T00:00:00.000Z",
  until: null,
  count: 1,
  agent: null,
  bead: null,
  options: [],
  ask_id: null,
  can: [],
  ...more,
});
const at = (text: string): number => Date.parse(text);
const BERLIN = { from: "22:00", to: "07:00", zone: "Europe/Berlin" };
const LOUD: Rules = { least: "now", kinds: {}, quiet: null };
const NOON = at("2026-11-26T11:00:00Z");

let storage: ReturnType<typeof nodeSql>;
beforeEach(() => {
  storage = nodeSql();
  storage.sql.exec(NOTICE_TABLES);
});
afterEach(() => storage.close());

const says = (needs: readonly Need[], now = NOON, rules = LOUD, isAll = true): void =>
  noteNeeds(storage.sql, rules, { rigId: "r", needs, isAll, now });
const told = (now = NOON, rules = LOUD): string[][] =>
  takeDue(storage.sql, rules, now).map((message) => message.map(({ key }) => key));

test("NOTIFY-once a need is told once, however often its rig says it", () => {
  says([need("a")]);
  expect(told()).toEqual([["a"]]);
  says([need("a"), need("b", { code: "failed" })]);
  expect(told()).toEqual([["b"]]);
  // What more beads fail of is the same need; the next question of an agent is another one.
  says([need("a"), need("b", { code: "failed", since: "2026-01-02T00:00:00.000Z" })]);
  expect(told()).toEqual([]);
  says([need("a", { ask_id: "2" })]);
  expect(told()).toEqual([["a"]]);
});

test("what is settled before anybody was told is not told, and what comes again with its old beginning is no news for an hour", () => {
  says([need("a")]);
  says([]);
  expect(told()).toEqual([]);
  says([need("a", { since: null })]);
  expect(told()).toEqual([["a"]]);
  says([]);
  says([need("a", { since: null })], NOON + DOOR.notice_remembered_ms - 1);
  expect(told(NOON + DOOR.notice_remembered_ms)).toEqual([]);
  says([], NOON + DOOR.notice_remembered_ms);
  says([], NOON + 2 * DOOR.notice_remembered_ms);
  says([need("a", { since: null })], NOON + 2 * DOOR.notice_remembered_ms);
  expect(told(NOON + 2 * DOOR.notice_remembered_ms)).toEqual([["a"]]);
  // One that a rig had no room to tell of has not gone.
  says([need("b")], NOON);
  expect(told()).toEqual([["b"]]);
  says([], NOON, LOUD, false);
  says([need("b", { since: null })], NOON);
  expect(told(NOON)).toEqual([["b"]]);
});

test("only what is wanted is told: from a level on, and by its kind", () => {
  const all = [need("n"), need("s", { level: "soon", code: "stalled" }), need("k", { level: "know", code: "paused" })];
  const of = (rules: Partial<Rules>): string[] => {
    storage.sql.exec("DELETE FROM notices");
    says(all, NOON, { ...LOUD, ...rules });
    return told().flat();
  };
  expect(of({})).toEqual(["n"]);
  expect(of({ least: "soon" })).toEqual(["n", "s"]);
  expect(of({ least: "know" }).toSorted()).toEqual(["k", "n", "s"]);
  expect(of({ kinds: { question: "never", paused: "always" } })).toEqual(["k"]);
});

test("NOTIFY-quiet it is quiet from the first minute to the last, in the zone that was said, also over night and where clocks change", () => {
  const until = (text: string, quiet = BERLIN): string | null => {
    const end = quietUntil(quiet, at(text));
    return end === null ? null : new Date(end).toISOString();
  };
  // In November Berlin is an hour ahead.
  expect(until("2026-11-26T20:59:59.999Z")).toBeNull();
  expect(until("2026-11-26T21:00:00.000Z")).toBe("2026-11-27T06:00:00.000Z");
  expect(until("2026-11-27T05:59:59.999Z")).toBe("2026-11-27T06:00:00.000Z");
  expect(until("2026-11-27T06:00:00.000Z")).toBeNull();
  // In the night to 29 March clocks go forward, in that to 25 October back.
  expect(until("2026-03-28T21:00:00Z")).toBe("2026-03-29T05:00:00.000Z");
  expect(until("2026-10-24T20:00:00Z")).toBe("2026-10-25T06:00:00.000Z");
  const lunch = { from: "12:00", to: "13:00", zone: "Asia/Kolkata" };
  expect(until("2026-11-26T06:29:59Z", lunch)).toBeNull();
  expect(until("2026-11-26T06:30:00Z", lunch)).toBe("2026-11-26T07:30:00.000Z");
  expect(until("2026-11-26T07:30:00Z", lunch)).toBeNull();
  expect(quietUntil(null, NOON)).toBeNull();
});

test("what comes in quiet hours and is still open at their end is told in one message then", () => {
  const rules = { ...LOUD, quiet: BERLIN };
  const [evening, night, morning] = [
    at("2026-11-26T20:59:59Z"),
    at("2026-11-26T21:00:00Z"),
    at("2026-11-27T06:00:00Z"),
  ];
  says([need("before")], evening, rules);
  expect(told(evening, rules)).toEqual([["before"]]);
  says([need("before"), need("a"), need("b"), need("c")], night, rules);
  expect(told(night, rules)).toEqual([]);
  expect(nextNotice(storage.sql)).toBe(morning);
  says([need("before"), need("a"), need("c")], morning - 1, rules);
  expect(told(morning - 1, rules)).toEqual([]);
  says([need("before"), need("a"), need("c"), need("d")], morning, rules);
  expect(told(morning, rules)).toEqual([["a", "c"], ["d"]]);
  expect([told(morning + 1, rules), nextNotice(storage.sql)]).toEqual([[], null]);
});

test("more than a few at once are one message", () => {
  const many = (count: number): Need[] => Array.from({ length: count }, (_, n) => need(`${count}-${n}`));
  says(many(DOOR.notices_one_by_one));
  expect(told()).toHaveLength(DOOR.notices_one_by_one);
  says(many(DOOR.notices_one_by_one + 1));
  expect(told().map((message) => message.length)).toEqual([DOOR.notices_one_by_one + 1]);
});

test("what did not arrive is tried again a few times, each time later", () => {
  says([need("a")]);
  const waits: number[] = [];
  let now = NOON;
  for (;;) {
    const [message = []] = takeDue(storage.sql, LOUD, now);
    expect(message).toHaveLength(1);
    if (!giveBack(storage.sql, message, now)) break;
    const next = nextNotice(storage.sql) ?? 0;
    expect(told(next - 1)).toEqual([]);
    waits.push(next - now);
    now = next;
  }
  const first = DOOR.notice_backoff_ms;
  expect(waits).toEqual(
    Array.from({ length: LIMITS.effect_attempts - 1 }, (_, n) => Math.min(first * 2 ** n, DOOR.notice_backoff_max_ms)),
  );
  expect(nextNotice(storage.sql)).toBeNull();
  // It is not tried for ever, and neither does its rig begin it anew.
  says([need("a")], now + 1);
  expect(told(now + 1)).toEqual([]);
});

test("NOTIFY-local nothing is sent into the machine or its network, however its address is written, unless that is allowed", () => {
  const local = [
    "http://localhost:3000/x",
    "https://LOCALHOST./x",
    "https://a.localhost/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0/",
    "https://169.254.169.254/latest/meta-data",
    "https://metadata.google.internal/",
    "https://metadata/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fd00::1]/",
    "https://printer.local/",
  ];
  for (const url of local) {
    expect(addressRefusal(url, false), url).toContain("NOTIFY_ALLOW_LOCAL");
    expect(addressRefusal(url, true), url).toBeNull();
  }
  for (const url of [
    "https://ntfy.sh/t",
    "https://hooks.slack.com/services/a",
    "https://172.32.0.1/",
    "https://11.0.0.1/",
  ])
    expect(addressRefusal(url, false), url).toBeNull();
  expect(addressRefusal("http://ntfy.sh/t", false)).toContain("https://");
  for (const url of ["ftp://ntfy.sh/t", "file:///etc/passwd", "https://user:pass@ntfy.sh/t"])
    expect(addressRefusal(url, true), url).not.toBeNull();
});

test("hours that are none, zones that nobody has and kinds that do not exist are refused", () => {
  const isGood = (edit: object): boolean => NotifyEdit.safeParse(edit).success;
  expect(isGood({ quiet: BERLIN, kinds: { failed: "always" }, least: "soon" })).toBe(true);
  expect(isGood({ quiet: null, url: null })).toBe(true);
  expect(isGood({ quiet: { ...BERLIN, zone: "Europe/Nowhere" } })).toBe(false);
  expect(isGood({ quiet: { ...BERLIN, to: "24:00" } })).toBe(false);
  expect(isGood({ quiet: { ...BERLIN, to: "22:00" } })).toBe(false);
  expect(isGood({ kinds: { faild: "always" } })).toBe(false);
  expect(isGood({ url: "not an address" })).toBe(false);
});
