import { expect, test } from "vitest";
import { createPass, createPassList } from "../../../container/agents/door/pass.ts";
import { createRig } from "../../../container/agents/door/rig.ts";
import { TOOLS } from "../../../container/agents/door/tools.ts";
import { createVeil } from "../../../container/agents/door/veil.ts";
import { outermostString } from "../../../container/agents/door/answer.ts";
import { createFakeRig } from "../world.ts";
import { createDoor, dispatchAt } from "./world.ts";

/** What is remembered of a dispatch at the door, and how much of it. */

const pass = (url = "http://127.0.0.1:9") =>
  createPass(
    dispatchAt(url),
    () => {},
    () => {},
  );

test("50 models are told of one by one; what others cost is added up as one", () => {
  const { note, usage } = pass();
  const cost = { input_tokens: 1, cached_tokens: 0, output_tokens: 2 };
  for (let n = 0; n < 60; n++) note("openai", `model-${n}`, cost, true);
  note("openai", "model-0", cost, true);
  expect(usage()).toHaveLength(51);
  expect(usage()[0]).toMatchObject({ model: "model-0", requests: 2, output_tokens: 4 });
  expect(usage()[50]).toMatchObject({ model: "other", requests: 10, input_tokens: 10 });
});

test("a token cannot be guessed, and is found by the whole of it", () => {
  const passes = createPassList();
  const [one, other] = [pass(), pass()];
  passes.add(one);
  passes.add(other);
  expect(one.token).toMatch(/^tt-[0-9a-f]{64}$/);
  expect(passes.of(one.token)).toBe(one);
  expect(passes.of(other.token)).toBe(other);
  for (const token of [null, "", "tt-", one.token.toUpperCase()]) expect(passes.of(token)).toBeNull();
  passes.remove(one);
  expect(passes.of(one.token)).toBeNull();
});

test("what runs for a dispatch is ended with it, once, and nothing is told of it afterwards", () => {
  const told: unknown[] = [];
  let ended = 0;
  let closed = 0;
  const one = createPass(
    dispatchAt("http://x", { on: (event) => told.push(event) }),
    () => (closed += 1),
    () => {},
  );
  one.hold(() => (ended += 1));
  one.hold(() => (ended += 10))();
  one.close();
  one.close();
  one.tell({ type: "answering" });
  expect([ended, closed, told.length, one.isOpen()]).toEqual([1, 1, 0, false]);
});

test("a tool answers 64 Ki characters at most, and gives up on a rig that is away when its patience is over", async () => {
  const rig = await createFakeRig();
  const one = createPass(
    dispatchAt("http://x", { apiUrl: rig.url }),
    () => {},
    () => {},
  );
  rig.answer = () => ({ status: 200, data: "x".repeat(100_000) });
  const prime = TOOLS.find(({ name }) => name === "gt_prime");
  const mail = TOOLS.find(({ name }) => name === "gt_mail");
  const context = { pass: one, rig: createRig(one.dispatch, one.isOpen, 600) };
  expect((await prime?.call({}, context))?.text).toHaveLength(65_536);
  rig.answer = () => ({ status: 503 });
  expect(await mail?.call({}, context)).toMatchObject({ ok: false });
  expect(rig.to("/mail").length).toBeGreaterThan(0);
  await rig.close();
  expect((await mail?.call({}, context))?.text).toContain("does not answer");
});

test("a key is covered wherever it is cut, and what only begins like it is passed on", () => {
  const key = "sk-0123456789abcdef";
  const text = `s sk sk- ${key} sk-0123 ${key}${key} sk-0123456789abcde sk-`;
  for (let cut = 1; cut < 25; cut++) {
    const veil = createVeil(key);
    const out: Buffer[] = [];
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += cut) out.push(veil.push(bytes.subarray(at, at + cut)));
    expect(Buffer.concat([...out, veil.end()]).toString()).toBe(text.replaceAll(key, "*".repeat(key.length)));
  }
  expect(createVeil("short").push(Buffer.from("a short word")).toString()).toBe("a short word");
});

test("the model is the outermost one of a request, also where its beginning is all that there is", () => {
  expect(outermostString('{"tools":[{"model":"no"}],"x":"\\"model\\":\\"no\\"","model" : "yes","y":{', "model")).toBe(
    "yes",
  );
  expect(outermostString('{"metadata":{"model":"no"}}', "model")).toBeNull();
  expect(outermostString('{"x":"model","model":7,"model', "model")).toBeNull();
  expect(outermostString("", "model")).toBeNull();
});

test("the listener is made once, however many dispatches come at the same time", async () => {
  const { door } = createDoor();
  const passes = await Promise.all(Array.from({ length: 20 }, () => door.open(dispatchAt("http://127.0.0.1:9"))));
  expect(new Set(passes.map(({ mcpUrl }) => mcpUrl)).size).toBe(1);
  expect(new Set(passes.map(({ token }) => token)).size).toBe(20);
});
