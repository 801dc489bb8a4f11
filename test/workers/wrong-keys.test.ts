import { describe, expect, onTestFinished, test, vi } from "vitest";
import { DOOR } from "../../src/events/limits.ts";
import { send } from "./client.ts";

/** Many requests, one after the other: a machine that does other things too takes its time. */
const SLOW_MS = 120_000;

const URL_OF_RIG = "http://localhost/api/rigs/rig-door";

/** The clock stands where the test puts it. */
function clock(): { later: (ms: number) => void } {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  return { later: (ms) => vi.setSystemTime(Date.now() + ms) };
}

describe("wrong tokens", () => {
  const get = (token: string, address: string) =>
    send(
      new Request(`${URL_OF_RIG}/beads`, {
        headers: { authorization: `Bearer ${token}`, "cf-connecting-ip": address },
      }),
    );

  test("are counted per address: the next is told to wait, a good one from the same address is not", async () => {
    const { later } = clock();
    const { burst, per_second } = DOOR.wrong_keys.address;
    for (let i = 0; i < burst; i++) expect((await get(`wrong${i}`, "10.0.0.1")).status).toBe(401);
    const slowed = await get("wrong", "10.0.0.1");
    expect([slowed.status, slowed.headers.get("retry-after")]).toEqual([429, String(1 / per_second)]);
    expect((await get("test-operator-token", "10.0.0.1")).status).toBe(200);
    expect((await get("wrong", "10.0.0.2")).status).toBe(401);
    later(1_000 / per_second);
    expect((await get("wrong", "10.0.0.1")).status).toBe(401);
    expect((await get("wrong", "10.0.0.1")).status).toBe(429);
  });

  test(
    "are counted in all, and so are wrong codes and tickets",
    async () => {
      const { later } = clock();
      later(600_000);
      const statuses = new Set<number>();
      for (let i = 0; i <= DOOR.wrong_keys.all.burst; i++) {
        const headers = { "content-type": "application/json", "cf-connecting-ip": `10.1.${i >> 8}.${i & 255}` };
        const wrong = [
          new Request(`${URL_OF_RIG}/beads`, { headers: { ...headers, authorization: "Bearer no" } }),
          new Request("http://localhost/api/session", { method: "POST", headers, body: '{"code":"no"}' }),
          new Request("http://localhost/api/towns/t/container/agents/a/stream?ticket=no", { headers }),
        ][i % 3] as Request;
        const { status } = await send(wrong);
        if (i < DOOR.wrong_keys.all.burst) expect(status).toBe(401);
        statuses.add(status);
      }
      expect([...statuses]).toEqual([401, 429]);
    },
    SLOW_MS,
  );
});
