import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { containerEnvironment, controlTokenOf, withControlToken } from "../../src/do/control-token.ts";

test("the control token is the one that is set, else one that only the signing secret gives, else none", async () => {
  expect(await controlTokenOf({ CONTROL_TOKEN: "mine", GASTOWN_JWT_SECRET: "secret" })).toBe("mine");
  const derived = createHmac("sha256", "secret").update("ticktown control token v1").digest("hex");
  expect(await controlTokenOf({ GASTOWN_JWT_SECRET: "secret" })).toBe(derived);
  expect(await controlTokenOf({ CONTROL_TOKEN: "", GASTOWN_JWT_SECRET: "secret" })).toBe(derived);
  expect(await controlTokenOf({ GASTOWN_JWT_SECRET: "another" })).not.toBe(derived);
  expect(await controlTokenOf({})).toBe(null);
});

test("a container that the Worker starts is given the token that the Worker sends", async () => {
  const env = { GASTOWN_JWT_SECRET: "secret", GASTOWN_API_URL: "https://api.example", AGENT_COMMAND: "agent" };
  const token = await controlTokenOf(env);
  expect(containerEnvironment(env, token)).toEqual({
    PORT: "8080",
    EPHEMERAL_DISK: "true",
    GASTOWN_API_URL: "https://api.example",
    CONTROL_TOKEN: token,
    AGENT_COMMAND: "agent",
  });
  const sent = withControlToken(new Request("http://container/agents"), token);
  expect(sent.headers.get("authorization")).toBe(`Bearer ${token}`);
  expect(containerEnvironment({}, null)).toEqual({ PORT: "8080", EPHEMERAL_DISK: "true" });
  expect(withControlToken(new Request("http://container/agents"), null).headers.get("authorization")).toBe(null);
});
