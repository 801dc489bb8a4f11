import { expect, test } from "vitest";
import { accountOf, createAccounts } from "../../../container/agents/door/accounts.ts";
import { ACCOUNTS_REMEMBERED_MAX } from "../../../container/limits.ts";
import { createProvider, json, message, openPass } from "./world.ts";

/** A limit is of a credential, whichever dispatch meets it: what the door sends with one, and what it does not. */

const A = "anthropic:0000000000000001";
const B = "openai:0000000000000002";
const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;

test("ACCOUNT-door until its reset, and not 1 ms later, nothing is sent with a limited account; another one is not held", () => {
  const accounts = createAccounts();
  const [first, beside] = [accounts.ask(A, NOW), accounts.ask(A, NOW)];
  expect([first.until, beside.until]).toEqual([null, null]);
  first.came({ kind: "limited", until: NOW + HOUR });
  // What was under way before says nothing of what is so since.
  beside.came({ kind: "answered" });
  expect(accounts.ask(A, NOW).until).toBe(NOW + HOUR);
  expect(accounts.ask(A, NOW + HOUR - 1).until).toBe(NOW + HOUR);
  expect(accounts.ask(B, NOW).until).toBe(null);
  expect(accounts.ask(A, NOW + HOUR).until).toBe(null);
});

test("ACCOUNT-one after the reset one request finds out, and the others wait for what becomes of it", () => {
  const accounts = createAccounts();
  accounts.ask(A, NOW).came({ kind: "limited", until: NOW + HOUR });
  const at = NOW + HOUR;
  const probe = accounts.ask(A, at);
  expect([probe.until, accounts.ask(A, at).until]).toEqual([null, at + 5_000]);
  // Nobody knows: the next one finds out.
  probe.came({ kind: "unknown" });
  const second = accounts.ask(A, at);
  expect([second.until, accounts.ask(A, at).until]).toEqual([null, at + 5_000]);
  second.came({ kind: "limited", until: at + HOUR });
  expect(accounts.ask(A, at).until).toBe(at + HOUR);
  const third = accounts.ask(A, at + HOUR);
  third.came({ kind: "answered" });
  expect([accounts.ask(A, at + HOUR).until, accounts.ask(A, at + HOUR).until]).toEqual([null, null]);
});

test("an account is a digest with whose it is: the same key is the same one, and no key can be read from it", () => {
  const [key, other] = ["sk-ant-1", "sk-ant-2"];
  expect(accountOf("anthropic", key)).toMatch(/^anthropic:[0-9a-f]{16}$/);
  expect(accountOf("anthropic", key)).toBe(accountOf("anthropic", key));
  expect(new Set([key, other].map((one) => accountOf("anthropic", one))).size).toBe(2);
  expect(accountOf("anthropic", key)).not.toContain(key);
});

test(`of more than ${ACCOUNTS_REMEMBERED_MAX} accounts the one that was limited longest ago is forgotten`, () => {
  const accounts = createAccounts();
  const name = (n: number): string => `openai:${n.toString(16).padStart(16, "0")}`;
  for (let n = 0; n <= ACCOUNTS_REMEMBERED_MAX; n++)
    accounts.ask(name(n), NOW).came({ kind: "limited", until: NOW + HOUR });
  expect([accounts.ask(name(0), NOW).until, accounts.ask(name(1), NOW).until]).toEqual([null, NOW + HOUR]);
});

test("a limit of one dispatch's account is answered by the door to all others until its reset, and asked once then; nobody is held where that is switched off", async () => {
  const provider = await createProvider();
  let [asked, now, status] = [0, NOW, 429];
  provider.answer = (_, response) => {
    asked += 1;
    json(response, status, {}, status === 429 ? { "retry-after": "3600" } : {});
  };
  const accounts = createAccounts();
  const options = { now: () => now, accounts };
  const first = await openPass(provider.url, {}, options);
  const second = await openPass(provider.url, { agentId: "a2" }, options);
  const free = await openPass(provider.url, { agentId: "a3", holdsAccounts: false }, options);
  await message(first.pass);
  const held = await message(second.pass);
  expect([held.status, held.headers["retry-after"], asked]).toEqual([429, "3600", 1]);
  expect(second.events).toMatchObject([
    { type: "limited", kind: "rate", status: 429, until: NOW + HOUR, account: expect.stringMatching(/^anthropic:/) },
    { type: "waiting", since: NOW, until: NOW + HOUR },
  ]);
  await message(free.pass);
  expect(asked).toBe(2);
  [now, status] = [NOW + HOUR, 200];
  expect([(await message(second.pass)).status, (await message(first.pass)).status, asked]).toEqual([200, 200, 4]);
});
