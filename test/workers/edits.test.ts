import { expect, test } from "vitest";
import { api, call } from "./client.ts";

/** What people change afterwards, as a client of the protocol meets it. */

test("a rig and a bead are changed by what is named, with who did it in the journal", async () => {
  const town = (await call("POST", "/api/users/u1/towns", { name: "town" })).data;
  const made = { town_id: town.id, name: "rig", git_url: "https://example.org/repo.git" };
  const rig = (await call("POST", "/api/users/u1/rigs", made)).data;
  const http = api(rig.id);
  const path = `/api/users/u1/rigs/${rig.id}`;
  const changes = {
    name: "renamed",
    git_url: "https://u:pw-secret-9@example.org/other.git",
    default_branch: "trunk",
  };
  const changed = { name: "renamed", git_url: "https://example.org/other.git", default_branch: "trunk" };
  expect((await call("PATCH", path, changes)).data).toMatchObject(changed);
  expect((await call("GET", `/api/users/u1/towns/${town.id}/rigs`)).data).toMatchObject([changed]);
  expect((await call("PATCH", path, { name: "n", nmae: "m" })).status).toBe(400);
  expect((await call("PATCH", path, {})).status).toBe(400);
  expect((await call("PATCH", "/api/users/u1/rigs/rig-x", { name: "n" })).status).toBe(404);
  await http.post("/pause", {});
  const make = async (title: string) => (await http.post("/beads", { type: "issue", title })).data.id as string;
  const [first, second] = [await make("first"), await make("second")];
  const edited = await http.patch(`/beads/${second}`, {
    title: "2nd",
    labels: ["x"],
    blocked_by: [first],
    defer_until: null,
  });
  expect(edited.data).toMatchObject({ title: "2nd", labels: ["x"], body: null, metadata: { blocked_by: [first] } });
  await http.post(`/beads/${first}/cancel`, {});
  const stuck = (await http.get("/beads?status=open")).data;
  expect(stuck).toMatchObject([
    { type: "escalation" },
    { id: second, status: "open", metadata: { stuck_by: [first] } },
  ]);
  const journal = String((await http.get("/journal")).body["text"]);
  expect(journal).toMatch(/"rig.edited"[^\n]*"by":"/);
  expect(journal).toMatch(/"bead.edited"[^\n]*"by":"/);
  expect(journal).not.toContain("pw-secret-9");
});

test("an escalation without a priority is medium; a branch that is handed in is the new value of its bead's event", async () => {
  const town = (await call("POST", "/api/users/u1/towns", { name: "town" })).data;
  const made = { town_id: town.id, name: "rig", git_url: "https://example.org/repo.git" };
  const http = api((await call("POST", "/api/users/u1/rigs", made)).data.id);
  expect((await http.post("/escalations", { title: "look" })).data).toMatchObject({ priority: "medium" });
  await http.post("/pause", {});
  const { bead, agent } = (await http.post("/sling", { title: "work" })).data;
  await http.post("/review-queue", { agent_id: agent.id, bead_id: bead.id, branch: "feature/x" });
  const events = (await http.get(`/events?bead_id=${bead.id}`)).data as { event_type: string; new_value: string }[];
  expect(events.find(({ event_type }) => event_type === "review_submitted")?.new_value).toBe("feature/x");
});
