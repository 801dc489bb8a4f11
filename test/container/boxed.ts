/** An agent in a box, to its end. */
import { expect } from "vitest";
import { type Control, startBody } from "./world.ts";

export const BOXED = { AGENT_BOX: "bwrap" };

/** Runs one script as an agent, to its end. @returns what it printed */
export async function ran(
  control: Control,
  url: string,
  script: string,
  more: Record<string, unknown> = {},
): Promise<string[]> {
  const started = await control.post("/agents/start", startBody(url, script, more));
  expect([started.status, started.body.error]).toEqual([201, undefined]);
  await control.ended((more["agentId"] as string | undefined) ?? "a1");
  return control.lines((more["agentId"] as string | undefined) ?? "a1");
}
