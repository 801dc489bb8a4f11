import { DurableObject } from "cloudflare:workers";

/**
 * The baseline: the alarm that one would write first. One row per agent, and one awaited call after the other: start each agent
 * that has work, then ask about each agent that works. Nothing is wrong with its storage: what is slow is the waiting.
 */
export class ObviousRig extends DurableObject<{ TOWN_CONTAINER: DurableObjectNamespace }> {
  #town = "";

  fill(town: string, agents: number, status: "idle" | "working" = "idle"): void {
    const { sql } = this.ctx.storage;
    this.#town = town;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS agents (id TEXT PRIMARY KEY, status TEXT NOT NULL, bead TEXT, dispatch_attempts INTEGER NOT NULL, last_activity_at TEXT)",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS beads (id TEXT PRIMARY KEY, status TEXT NOT NULL, title TEXT NOT NULL)");
    for (let i = 0; i < agents; i++) {
      sql.exec("INSERT OR REPLACE INTO agents VALUES (?, ?, ?, 0, NULL)", `agent-${i}`, status, `bead-${i}`);
      sql.exec("INSERT OR REPLACE INTO beads VALUES (?, 'open', ?)", `bead-${i}`, `work ${i}`);
    }
  }

  /** Rung by hand; armed an hour ahead, so that only the cost of arming counts. */
  override async alarm(): Promise<void> {}

  /** An alarm that finds work for everybody. Answers how long it took, ms. */
  async dispatch(): Promise<number> {
    const began = performance.now();
    await this.#schedulePendingWork();
    await this.ctx.storage.setAlarm(Date.now() + 3_600_000);
    return performance.now() - began;
  }

  /** An alarm that finds everybody at work. */
  async patrol(): Promise<number> {
    const began = performance.now();
    await this.#witnessPatrol();
    await this.ctx.storage.setAlarm(Date.now() + 3_600_000);
    return performance.now() - began;
  }

  async #schedulePendingWork(): Promise<void> {
    const { sql } = this.ctx.storage;
    for (const agent of sql
      .exec<{ id: string; bead: string }>("SELECT * FROM agents WHERE status = 'idle' AND bead IS NOT NULL")
      .toArray()) {
      const bead = sql.exec<{ title: string }>("SELECT * FROM beads WHERE id = ?", agent.bead).one();
      const order = {
        agentId: agent.id,
        rigId: "rig",
        townId: this.#town,
        role: "polecat",
        name: agent.id,
        identity: agent.id,
        prompt: bead.title,
        systemPrompt: "",
        model: "default",
        gitUrl: "file:///repo",
        branch: `b/${agent.bead}`,
        defaultBranch: "main",
      };
      const response = await this.#container().fetch("http://container/agents/start", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(order),
      });
      await response.json();
      if (!response.ok) continue;
      sql.exec(
        "UPDATE agents SET status = 'working', dispatch_attempts = dispatch_attempts + 1, last_activity_at = ? WHERE id = ?",
        new Date().toISOString(),
        agent.id,
      );
      sql.exec("UPDATE beads SET status = 'in_progress' WHERE id = ?", agent.bead);
    }
  }

  async #witnessPatrol(): Promise<void> {
    const { sql } = this.ctx.storage;
    for (const agent of sql
      .exec<{ id: string }>("SELECT id FROM agents WHERE status IN ('working', 'blocked')")
      .toArray()) {
      const response = await this.#container().fetch(`http://container/agents/${agent.id}/status`);
      const status = response.ok ? ((await response.json()) as { status: string }).status : "gone";
      if (status !== "running") sql.exec("UPDATE agents SET status = 'exited' WHERE id = ?", agent.id);
    }
  }

  #container(): DurableObjectStub {
    return this.env.TOWN_CONTAINER.get(this.env.TOWN_CONTAINER.idFromName(this.#town));
  }
}
