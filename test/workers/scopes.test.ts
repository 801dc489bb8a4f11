import { describe, expect, onTestFinished, test, vi } from "vitest";
import { addressOf, withoutPort } from "../../src/api/rate-limit.ts";
import { DOOR } from "../../src/events/limits.ts";
import { call, eventually, OPERATOR, send } from "./client.ts";

/** What a scope comes to where a route alone does not say it, and what ends with a token. */

const newToken = async (scope: string) => {
  const { data } = await call("POST", "/api/operator-tokens", { name: `a ${scope}`, scope }, OPERATOR);
  return { id: data.operator?.id ?? data.id, headers: { authorization: `Bearer ${data.token}` } };
};
const newRig = async (name: string, headers: Record<string, string>, more: object = {}) => {
  const town = (await call("POST", "/api/users/scopes/towns", { name })).data;
  const rig = { town_id: town.id, name, git_url: "https://example.org/r.git", ...more };
  return call("POST", "/api/users/scopes/rigs", rig, headers);
};

describe("a token that may operate and is no admin's", () => {
  test("sets no program to be run and no environment of one: neither by settings nor with a new rig", async () => {
    const { headers } = await newToken("operate");
    const made = await newRig("plain", headers);
    expect(made.status).toBe(201);
    const settings = `/api/rigs/${made.data.id}/settings`;
    const setup = { setup: { command: "cat secrets" } };
    expect((await call("PUT", settings, setup, headers)).status).toBe(403);
    expect((await call("PUT", settings, { setup: null }, headers)).status).toBe(403);
    for (const box of [{ box: "any" }, { box_read: ["/home"] }, { box_network: "any" }])
      expect((await call("PUT", settings, box, headers)).status).toBe(403);
    expect((await call("PUT", settings, { capacity: 3 }, headers)).status).toBe(200);
    expect((await call("GET", settings)).data.setup).toBe(null);
    expect((await call("PUT", settings, setup)).status).toBe(200);
    expect((await newRig("secret", headers, { secrets: { LD_PRELOAD: "/x.so" } })).status).toBe(403);
    expect((await newRig("secret", OPERATOR, { secrets: { A: "b" } })).status).toBe(201);
  });
});

test("an open stream is told nothing after its time, so that a revoked token sees no more; its holder may connect anew", async () => {
  const { data: rig } = await newRig("streams", OPERATOR);
  const open = async (kind: string) => {
    const headers = { ...OPERATOR, upgrade: "websocket" };
    const { webSocket } = await send(new Request(`http://localhost/api/rigs/${rig.id}/${kind}`, { headers }));
    if (!webSocket) throw new Error(`no socket for ${kind}`);
    const seen = { text: "", code: 0 };
    webSocket.addEventListener("message", ({ data }) => void (seen.text += String(data)));
    webSocket.addEventListener("close", ({ code }) => void (seen.code = code));
    webSocket.accept();
    return seen;
  };
  const bead = (title: string) => call("POST", `/api/rigs/${rig.id}/beads`, { type: "message", title });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  const sockets = [await open("feed"), await open("inspect")];
  vi.setSystemTime(Date.now() + DOOR.stream_life_ms - 1_000);
  await bead("early bead");
  for (const seen of sockets) await eventually(async () => expect(seen.text).toContain("bead.created"));
  expect(sockets.map(({ code }) => code)).toEqual([0, 0]);
  vi.setSystemTime(Date.now() + 1_000);
  await bead("late bead");
  for (const seen of sockets) await eventually(async () => expect(seen.code).toBe(4001));
  for (const seen of sockets) expect(seen.text).not.toContain("late bead");
});

test("another connection is not another address", () => {
  expect(["127.0.0.1:4711", "[::1]:4711", "127.0.0.1", "::1", "2001:db8::7"].map(withoutPort)).toEqual([
    "127.0.0.1",
    "::1",
    "127.0.0.1",
    "::1",
    "2001:db8::7",
  ]);
  const from = (clientIp: string) => addressOf({ cf: { clientIp }, headers: new Headers() } as never);
  expect(from("127.0.0.1:1")).toBe(from("127.0.0.1:2"));
});
