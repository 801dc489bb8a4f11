import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { expect, test } from "vitest";
import { contextOf, type World } from "../../../cli/context.ts";
import { serverOf } from "../../../cli/mcp/server.ts";
import { toolNameOf } from "../../../cli/mcp/tools.ts";
import { VERBS } from "../../../cli/table.ts";
import { verb } from "../../../cli/verb.ts";

/** The verbs as tools, seen by the official client. */

const world: World = {
  env: {},
  cwd: "/",
  now: () => 0,
  say: () => {},
  out: () => {},
  stdin: async () => "",
  ask: null,
  signal: new AbortController().signal,
};

async function clientOf(verbs = VERBS): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await serverOf(verbs, "1", contextOf({}, world)).connect(ours);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(theirs);
  return client;
}

const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? "";

test("MCP-table the listing of tools equals the table of verbs, but for those that say why they are none", async () => {
  const { tools } = await (await clientOf()).listTools();
  expect(tools.map(({ name }) => name)).toEqual(
    VERBS.filter(({ atTerminal }) => atTerminal === undefined).map(toolNameOf),
  );
  expect(VERBS.filter(({ atTerminal }) => atTerminal !== undefined).map(({ name }) => name)).toEqual([
    "up",
    "down",
    "open",
    "login",
    "token add",
    "rig secrets",
    "rig export",
    "rig import",
    "feed",
    "notify",
    "mcp",
    "completion",
  ]);
  for (const tool of tools) {
    const { args, options, about } = VERBS.find((one) => toolNameOf(one) === tool.name) ?? {
      args: {},
      options: {},
      about: "",
    };
    expect(tool.description).toContain(about);
    for (const name of Object.keys(args)) expect(tool.inputSchema.properties, tool.name).toHaveProperty(name);
    for (const [name, { atTerminal }] of Object.entries(options))
      expect(Object.keys(tool.inputSchema.properties ?? {}).includes(name), `${tool.name} ${name}`).toBe(
        atTerminal !== true,
      );
  }
});

test("MCP-destroys what cannot be taken back is marked, and what only reads is", async () => {
  const { tools } = await (await clientOf()).listTools();
  const marked = (hint: "destructiveHint" | "readOnlyHint") =>
    tools.filter(({ annotations }) => annotations?.[hint] === true).map(({ name }) => name);
  expect(marked("destructiveHint").toSorted()).toEqual(["cancel", "remove", "rig_rm", "token_revoke"]);
  expect(marked("readOnlyHint")).toEqual(
    expect.arrayContaining(["ls", "needs", "show", "why", "status", "logs", "queue", "agents"]),
  );
  expect(marked("readOnlyHint")).not.toEqual(expect.arrayContaining(["answer"]));
});

test("a tool is run with what its verb takes, and its refusals are answers", async () => {
  const seen: unknown[] = [];
  const paint = verb({
    name: "paint it",
    about: "paint",
    effect: "changes",
    args: { what: { about: "what" }, more: { about: "more", many: true, optional: true } },
    options: {
      colour: { type: "text", about: "which", choices: ["red", "blue"] },
      twice: { type: "flag", about: "twice" },
    },
    run: async (input, { globals, say }) => {
      seen.push([input, globals.rig, globals.yes]);
      say("painting");
      if (input.what === "nothing") throw new Error("no paint");
      return { data: { done: true }, text: "painted", exit: input.twice ? 1 : 0 };
    },
  });
  const client = await clientOf([paint]);
  const call = async (given: Record<string, unknown>) => {
    const result = await client.callTool({ name: "paint_it", arguments: given });
    return [textOf(result), result.isError];
  };
  expect(await call({ what: "wall", rig: "web", more: ["a"], colour: "red" })).toEqual(["painting\npainted", false]);
  expect(seen).toEqual([[{ what: "wall", more: ["a"], colour: "red", twice: false }, "web", true]]);
  expect(await call({ what: "wall", json: true })).toEqual(['painting\n{"done":true}', false]);
  expect(await call({ what: "wall", twice: true })).toEqual(["painting\npainted", true]);
  expect(await call({ what: "nothing" })).toEqual(["painting\nit failed: no paint", true]);
  expect(await call({})).toEqual(['"what" is missing', true]);
  expect(await call({ what: 1 })).toEqual(['"what" must be of type string', true]);
  expect(await call({ what: "x", more: "y" })).toEqual(['"more" must be an array of strings', true]);
  expect(await call({ what: "x", colour: "green" })).toEqual(['"colour" must be one of red, blue', true]);
  expect(await call({ what: "x", state: "/etc" })).toEqual([expect.stringContaining('there is no "state"'), true]);
  expect(textOf(await client.callTool({ name: "mcp", arguments: {} }))).toBe("there is no tool mcp");
});

test("MCP-terminal what is for a terminal is no tool, by whatever name it is called", async () => {
  const client = await clientOf();
  for (const { name, atTerminal } of VERBS) {
    if (atTerminal === undefined) continue;
    const result = await client.callTool({ name: name.replaceAll(" ", "_"), arguments: {} });
    expect([name, textOf(result), result.isError]).toEqual([name, expect.stringContaining("there is no tool"), true]);
  }
});
