import { expect, test } from "vitest";
import { WrongKey } from "../../../src/api/errors.ts";
import { guard } from "../../../src/api/guard.ts";
import { keyHolderOf, takeBytes } from "../../../src/api/rate-limit.ts";
import { openTicket, signTicket } from "../../../src/api/ticket.ts";
import { DOOR, LIMITS } from "../../../src/events/limits.ts";
import { nestingOf, takeText } from "../../../src/wire/text.ts";
import { bead } from "../../support/node-rig.ts";
import { town } from "./words.ts";

/** The door's own rules; what they are for the whole Worker is in test/workers/door.test.ts, and for a browser in test/e2e. */

test("F-701 a page of another origin gets no further than the door, on the same address or another", () => {
  const status = (headers: Record<string, string>) => {
    const all = new Map(Object.entries({ host: "127.0.0.1:8787", ...headers }));
    const request = { method: "GET", url: "http://127.0.0.1:8787/api/rigs/r/feed", body: null };
    return guard({ ...request, headers: { get: (name: string) => all.get(name) ?? null } } as unknown as Request, {})
      ?.status;
  };
  expect(status({ origin: "http://127.0.0.1:9999" })).toBe(403);
  expect(status({ "sec-fetch-site": "same-site" })).toBe(403);
  expect(status({ origin: "http://127.0.0.1:8787", "sec-fetch-site": "same-origin" })).toBe(undefined);
});

test("F-705 an Idempotency-Key is each operator's, each agent's and each dispatch's own", () => {
  const agent = { kind: "agent", rigId: "r", agentId: "a" } as const;
  const holders = [
    { kind: "operator", id: "ann" } as const,
    { kind: "operator", id: "ben" } as const,
    { ...agent, dispatchId: "a:1" },
    { ...agent, dispatchId: "a:2" },
    { ...agent, agentId: "b", dispatchId: "b:1" },
    { ...agent, rigId: "s", dispatchId: "a:1" },
  ].map(keyHolderOf);
  expect(new Set(holders).size).toBe(holders.length);
});

test("F-706 the bytes of a token and of a rig are counted, whatever the number of requests", () => {
  const holder = { kind: "agent", rigId: "r", agentId: "F-706" } as const;
  const take = (bytes: number, now: number) => takeBytes(holder, "rig F-706", bytes, now);
  take(DOOR.bytes.agent.burst, 0);
  expect(() => take(1, 0)).toThrow("too many bytes for this token");
  expect(() => take(DOOR.bytes.agent.per_second, 999)).toThrow("too many bytes");
  take(DOOR.bytes.agent.per_second, 1_000);
});

test("F-708 a ticket is known to be false without asking the container that would have given it", async () => {
  const env = { GASTOWN_JWT_SECRET: "secret" };
  const of = { townId: "town", agentId: "agent" };
  const signed = await signTicket(env, of, "agent:rig.1:a", "in.ner", 0);
  const opened = { ticket: "in.ner", holder: "agent:rig.1:a" };
  expect(await openTicket(env, of, signed, DOOR.ticket_ms - 1)).toEqual(opened);
  for (const [town, agent, ticket, now] of [
    ["invented", "agent", signed, 0],
    ["town", "other", signed, 0],
    ["town", "agent", "inner", 0],
    ["town", "agent", signed, DOOR.ticket_ms],
  ] as const)
    await expect(openTicket(env, { townId: town, agentId: agent }, ticket, now)).rejects.toThrow(WrongKey);
  // A client may put it into an address as it is.
  expect(new URL(`http://host/?ticket=${signed}`).searchParams.get("ticket")).toBe(signed);
  const hexOf = (text: string) => Buffer.from(text).toString("hex");
  const another = signed.replace(hexOf("agent:rig.1:a"), hexOf("operator:ann"));
  expect(another).not.toBe(signed);
  await expect(openTicket(env, of, another, 0)).rejects.toThrow(WrongKey);
  await expect(openTicket({}, of, signed, 0)).rejects.toThrow(WrongKey);
});

test("F-709 the nesting of a JSON text is known before anything recurses into it", () => {
  const nested = (depth: number) => `{"data":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  expect(nestingOf(nested(LIMITS.json_depth))).toBe(LIMITS.json_depth);
  expect(nestingOf(nested(3_000))).toBe(3_000);
});

test("zeroshot#621 a zero byte is refused at the door, and one that is in a rig already fails no start", async () => {
  expect(() => takeText({ title: "a\u0000b" }, "written")).toThrow("U+0000");
  const rig = town();
  rig.run({ type: "sling", bead: bead("a\u0000b", { body: "c\u0000d" }) });
  await rig.tickAt(rig.now);
  await rig.settled();
  const prompt = rig.container.starts[0]?.prompt ?? "";
  expect(prompt).toContain("a\ufffdb");
  expect(prompt).not.toContain("\u0000");
});
