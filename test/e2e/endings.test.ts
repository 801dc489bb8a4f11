/** How work ends that cannot go well: an agent's command that is not there any more. */
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import type { Attempt } from "../../src/wire/attempts.ts";
import { nothingLeftIn, type Program, ready, run, eachTry, tokenIn, until } from "./support.ts";

let dir = "";
let state = "";
eachTry((made) => {
  dir = made;
  state = path.join(made, "state");
});
afterAll(async () => {
  expect(await nothingLeftIn(dir)).toEqual([]);
});

async function stop(program: Program): Promise<void> {
  program.process.kill("SIGINT");
  expect(await program.exited).toBe(0);
}

test("vibe-kanban#809 an agent's script that is not there any more: the shell's own words on the terminal, in needs, why and attempts, each attempt with its own, and still there after a restart of everything", async () => {
  const repository = makeRepository(dir);
  const script = path.join(dir, "nope.sh");
  const port = String(await freePort());
  const begin = async (): Promise<Program> => {
    const where = ["--port", port, "--state", state, "--repo", repository.origin];
    const program = run("start.ts", [...where, "--agent", `sh '${script}'`, "--box", "none"]);
    onTestFinished(() => void program.process.kill("SIGINT"));
    // It is there when it is tried.
    writeFileSync(script, "exit 0\n");
    await ready(program);
    rmSync(script);
    return program;
  };
  const first = await begin();
  const rig = `http://127.0.0.1:${port}/api/rigs/${/rig (rig-\S+)/.exec(first.stderr())?.[1]}`;
  const call = async <T>(method: string, route: string, body?: object): Promise<T> => {
    const response = await fetch(rig + route, {
      method,
      headers: { authorization: `Bearer ${tokenIn(state)}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return ((await response.json()) as { data: T }).data;
  };
  const { bead } = await call<{ bead: Bead }>("POST", "/sling", { title: "Say hello" });
  const attempts = () => call<Attempt[]>("GET", `/beads/${bead.id}/attempts`);
  const need = async () => {
    const { needs } = await call<{ needs: { code: string; text: string }[] }>("GET", "/needs");
    return needs.find(({ code }) => code === "early_ends");
  };
  const words = /nope\.sh/;
  await until("two equal ends are a need", need);
  expect((await need())?.text).toMatch(words);
  const ended = await attempts();
  expect(ended.length).toBeGreaterThanOrEqual(2);
  expect(new Set(ended.map(({ dispatch_id }) => dispatch_id)).size).toBe(ended.length);
  for (const { status, tail } of ended) expect([status, words.test(tail)]).toEqual(["failed", true]);
  await until("the terminal has its words", () => /ended on "Say hello" .*last words: .*nope\.sh/.test(first.stderr()));
  await stop(first);

  const second = await begin();
  expect((await attempts()).slice(0, ended.length)).toEqual(ended);
  expect((await need())?.text).toMatch(words);
  // It is said while it waits for its next attempt, and not while that runs.
  await until("why has its words", async () =>
    words.test((await call<{ sentence: string }>("GET", `/beads/${bead.id}/why`)).sentence),
  );
  await stop(second);
});
