import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { api, call, eventually } from "./client.ts";

/** What people look at closely: a bead's work, its story, and a time of the rig. */

async function newRig() {
  const { data: town } = await call("POST", "/api/users/looker/towns", { name: "town" });
  const { data: rig } = await call("POST", "/api/users/looker/rigs", {
    town_id: town.id,
    name: "r",
    git_url: "https://example.org/r.git",
    secrets: { GIT_TOKEN: "git-secret", MODEL_KEY: "model-secret-value" },
  });
  const container = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(town.id));
  return {
    rigId: rig.id as string,
    http: api(rig.id),
    script: (answers: unknown) =>
      container.fetch("http://container/_script", { method: "POST", body: JSON.stringify(answers) }),
    calls: async (path: string) =>
      (
        (await (await container.fetch("http://container/_calls")).json()) as { calls: { path: string; body: any }[] }
      ).calls
        .filter((one) => one.path === path)
        .map(({ body }) => body),
  };
}

const FOUND = {
  result: "found",
  of: "clone",
  base: null,
  tip: "a".repeat(40),
  target: "main",
  target_tip: null,
  uncommitted: true,
  conflicts: null,
  commits: [{ id: "a".repeat(40), subject: "uses model-secret-value", author: "polecat", at: "2026-01-01T00:00:00Z" }],
  commit_count: 1,
  files: [
    {
      path: "a.env",
      from: null,
      kind: "added",
      added: 1,
      deleted: 0,
      modes: null,
      omitted: null,
      hunks: [{ old_start: 0, new_start: 1, section: "", lines: ["+KEY=model-secret-value"] }],
    },
  ],
  file_count: 1,
  added: 1,
  deleted: 0,
};

test("a diff is asked of the container with what is known of the work, comes without the rig's secrets, and fails in words", async () => {
  const { http, rigId, script, calls } = await newRig();
  const { data } = await http.post("/sling", { title: "work" });
  const beadId: string = data.bead.id;
  await eventually(async () => expect(await calls("/agents/start")).toHaveLength(1));
  await script({ "POST /git/diff": { status: 200, body: FOUND } });
  const answer = await http.get(`/beads/${beadId}/diff`);
  expect(answer.status).toBe(200);
  expect(answer.data).toMatchObject({ of: "clone", commits: [{ subject: "uses [MODEL_KEY]" }] });
  expect(answer.data.files[0].hunks[0].lines).toEqual(["+KEY=[MODEL_KEY]"]);
  expect((await calls("/git/diff"))[0]).toMatchObject({
    rigId,
    beadId,
    gitUrl: "https://example.org/r.git",
    targetBranch: "main",
    branch: expect.stringMatching(/^ticktown\//),
    agentId: data.agent.id,
    commit: null,
    merged: null,
    envVars: { GIT_TOKEN: "git-secret" },
  });
  for (const [told, status, words] of [
    [404, 409, "is an old one"],
    [422, 422, "in words"],
    [429, 429, "in words"],
    [503, 503, "does not answer"],
  ] as const) {
    await script({ "POST /git/diff": { status: told, body: { error: "in words" } } });
    expect(await http.get(`/beads/${beadId}/diff`)).toMatchObject({ status, error: expect.stringContaining(words) });
  }
  expect((await http.get("/beads/none/diff")).status).toBe(404);
});

test("a bead's story has what its agent asked and was told, and nothing of what the agent does elsewhere", async () => {
  const { http, calls } = await newRig();
  const { data } = await http.post("/sling", { title: "work", body: "the prompt" });
  const { data: other } = await http.post("/sling", { title: "other" });
  await eventually(async () => expect(await calls("/agents/start")).toHaveLength(2));
  for (const { agent } of [data, other]) {
    await http.post(`/agents/${agent.id}/heartbeat`, {});
    await http.post("/escalations", { title: `of ${agent.id}`, metadata: { agent_id: agent.id } });
    await http.post(`/agents/${agent.id}/unblock`, { answer: `to ${agent.id}` });
    await http.post("/mail", { from_agent_id: "operator", to_agent_id: agent.id, subject: "s", body: `b ${agent.id}` });
  }
  const story = (await http.get(`/beads/${data.bead.id}/story`)).data;
  const types = story.facts.map(({ type }: { type: string }) => type);
  expect(story.is_cut).toBe(false);
  expect(types).toEqual(
    expect.arrayContaining(["bead.created", "dispatch.granted", "agent.asked_help", "agent.answered", "mail.sent"]),
  );
  expect(story.facts.find(({ type }: { type: string }) => type === "bead.created").body).toBe("the prompt");
  const agents = new Set(story.facts.flatMap(({ agentId }: { agentId?: string }) => agentId ?? []));
  expect([...agents]).toEqual([data.agent.id]);
  const mails = story.facts.filter(({ type }: { type: string }) => type === "mail.sent");
  expect(mails.map(({ body }: { body: string }) => body)).toContain(`b ${data.agent.id}`);
  for (const mail of mails) expect(mail.to).toBe(data.agent.id);
  const seqs = story.facts.map(({ seq }: { seq: number }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((a: any, b: any) => a - b));
  expect((await http.get("/beads/none/story")).status).toBe(404);
});

test("a run says what each agent did in a time, and nothing of what was before or after", async () => {
  const { http, calls } = await newRig();
  const before = new Date(Date.now() - 1_000).toISOString();
  const { data } = await http.post("/sling", { title: "work" });
  await eventually(async () => expect(await calls("/agents/start")).toHaveLength(1));
  await http.post(`/agents/${data.agent.id}/heartbeat`, {});
  const { data: run } = await http.get(`/run?from=${before}`);
  expect(run).toMatchObject({
    is_cut: false,
    pieces: [{ beadId: data.bead.id, title: "work", endedAt: null, attempts: 1 }],
    agents: [{ id: data.agent.id, name: data.agent.name }],
  });
  expect(run.spans.at(-1)).toMatchObject({ phase: "working", agentId: data.agent.id, to: null });
  const past = (await http.get("/run?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")).data;
  expect(past).toMatchObject({ spans: [], marks: [], pieces: [], agents: [] });
  expect((await http.get("/run?from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z")).status).toBe(400);
});
