import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { LIMITS } from "../../src/events/limits.ts";
import { api, OPERATOR } from "./client.ts";

/** Many requests, one after the other: a machine that does other things too takes its time. */
const SLOW_MS = 120_000;

test(
  "the newest 2,000 events of an agent are kept, the oldest go",
  async () => {
    const rig = api("rig-limits");
    const { data: agent } = await rig.post("/agents", { role: "polecat", name: "a", identity: "a" });
    const sent = LIMITS.agent_events_kept + 250;
    for (let i = 0; i < sent; i += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, j) =>
          rig.post("/agent-events", { agent_id: agent.id, event_type: "tool_call", data: { n: i + j } }),
        ),
      );
    }
    const kept = [];
    for (let after = 0; ;) {
      const page = (await rig.get(`/agents/${agent.id}/events?limit=1000&after_id=${after}`)).data as { id: number }[];
      if (page.length === 0) break;
      kept.push(...page);
      after = page.at(-1)?.id ?? after;
    }
    expect(kept.length).toBeGreaterThanOrEqual(LIMITS.agent_events_kept);
    expect(kept.length).toBeLessThan(LIMITS.agent_events_kept + 100);
    expect(kept.at(-1)?.id).toBe(sent);
  },
  SLOW_MS,
);

test(
  "mail to an agent is refused at 1,000 undelivered, and accepted again after it was read",
  async () => {
    const rig = api("rig-mail");
    const { data: agent } = await rig.post("/agents", { role: "polecat", name: "a", identity: "a" });
    const letter = { from_agent_id: "someone", to_agent_id: agent.id, subject: "s", body: "b" };
    for (let i = 0; i < LIMITS.undelivered_mail; i += 50)
      await Promise.all(Array.from({ length: 50 }, () => rig.post("/mail", letter)));
    expect((await rig.post("/mail", letter)).status).toBe(429);
    expect((await rig.get(`/agents/${agent.id}/mail`)).data).toHaveLength(LIMITS.undelivered_mail);
    expect((await rig.post("/mail", letter)).status).toBe(201);
    expect((await rig.post("/mail", { ...letter, body: "x".repeat(LIMITS.mail_body_chars + 1) })).status).toBe(413);
  },
  SLOW_MS,
);

test("a request body has so many bytes, with a length that is said or without one, and not one more", async () => {
  const send = (bytes: number, isSaid: boolean) => {
    const bead = JSON.stringify({ type: "issue", title: "t" });
    const text = bead + " ".repeat(bytes - bead.length);
    return exports.default.fetch(
      new Request("http://localhost/api/rigs/rig-bodies/beads", {
        method: "POST",
        headers: { ...OPERATOR, "content-type": "application/json" },
        body: isSaid ? text : new Blob([text]).stream(),
      }),
    );
  };
  for (const isSaid of [true, false]) {
    expect((await send(LIMITS.body_bytes, isSaid)).status).toBe(201);
    expect((await send(LIMITS.body_bytes + 1, isSaid)).status).toBe(413);
  }
});
