import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { LIMITS } from "../../src/events/limits.ts";
import { sign } from "hono/jwt";
import { api, call, OPERATOR } from "./client.ts";

const SECRET = "test-secret-test-secret-test-secret";

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
  "mail to an agent is refused at 1,000 undelivered, and accepted again after it was read by a dispatch that has something to show",
  async () => {
    const { data: town } = await call("POST", "/api/users/mail/towns", { name: "town" });
    const git = { git_url: "https://git.example/x.git", default_branch: "main" };
    const { data: made } = await call("POST", "/api/users/mail/rigs", { town_id: town.id, name: "rig", ...git });
    const rig = api(String(made.id));
    const { data: slung } = await rig.post("/sling", { title: "work" });
    const agentId = String(slung.agent.id);
    const claims = {
      agentId,
      rigId: String(made.id),
      townId: String(town.id),
      userId: "mail",
      dispatchId: `${agentId}:1`,
    };
    const now = Math.floor(Date.now() / 1_000);
    const token = await sign({ ...claims, iat: now, exp: now + 3_600 }, SECRET, "HS256");
    const itself = api(String(made.id), { authorization: `Bearer ${token}` });
    const letter = { from_agent_id: "someone", to_agent_id: agentId, subject: "s", body: "b" };
    for (let i = 0; i < LIMITS.undelivered_mail; i += 50)
      await Promise.all(Array.from({ length: 50 }, () => rig.post("/mail", letter)));
    expect((await rig.post("/mail", letter)).status).toBe(429);
    // A person's look delivers nothing, and neither does a dispatch's before it has something to show.
    for (const reader of [rig, itself]) {
      expect((await reader.get(`/agents/${agentId}/mail`)).data).toHaveLength(LIMITS.undelivered_mail);
      expect((await rig.post("/mail", letter)).status).toBe(429);
    }
    expect((await itself.post(`/agents/${agentId}/checkpoint`, { data: { step: 1 } })).status).toBe(200);
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
