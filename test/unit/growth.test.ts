import { expect, test } from "vitest";
import { tooMuch, tooMuchToSay } from "../../src/do/growth.ts";
import { LIMITS } from "../../src/events/limits.ts";
import { bead, testRig } from "../support/node-rig.ts";

test("a full rig takes nothing that grows, and still takes what ends or moves work", () => {
  const { rig, close } = testRig();
  const sling = { type: "sling", bead: bead("one more") } as const;
  const as = (databaseSize: number) => ({ ...rig, ports: { ...rig.ports, sql: { ...sql, databaseSize } } });
  const sql = { exec: rig.ports.sql.exec.bind(rig.ports.sql) };
  expect(tooMuch(as(LIMITS.rig_bytes - 1), sling)).toBe(null);
  expect(tooMuch(as(LIMITS.rig_bytes), sling)).toMatchObject({ status: 429 });
  expect(tooMuchToSay(as(LIMITS.rig_bytes), "x")).toMatchObject({ status: 429 });
  expect(tooMuch(as(LIMITS.rig_bytes), { type: "pause" })).toBe(null);
  close();
});

test("mail that waits for an agent is counted in characters too", () => {
  const { rig, run, close } = testRig();
  const { agentId = "" } = run({ type: "register_agent", role: "polecat", name: "a", identity: "a" });
  const letter = (body: string) => ({ type: "send_mail", from: "x", to: agentId, subject: "s", body }) as const;
  const full = "x".repeat(LIMITS.mail_body_chars);
  for (let i = 1; i < LIMITS.undelivered_mail_chars / LIMITS.mail_body_chars; i++) run(letter(full));
  expect(tooMuch(rig, letter(full))).toBe(null);
  run(letter(full.slice(1)));
  expect(tooMuch(rig, letter("x"))).toBe(null);
  expect(tooMuch(rig, letter("xx"))).toMatchObject({ status: 429 });
  close();
});
