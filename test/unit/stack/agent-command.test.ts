import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { agentCommandOf } from "../../../scripts/stack/agent-command.ts";
import { PRESETS } from "../../../scripts/stack/presets.ts";

const dir = mkdtempSync(path.join(tmpdir(), "ticktown-agent-test-"));
const from = path.join(dir, "here");
mkdirSync(from);
writeFileSync(path.join(dir, "agent.sh"), "exit 0\n");
writeFileSync(path.join(from, "my agent"), "exit 0\n");
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const env = { PATH: process.env["PATH"] };
const command = (typed: string): string => agentCommandOf(typed, from, env, false).command;

/** A program on the PATH that says a version. */
function withProgram(name: string, says: string): Record<string, string> {
  const bin = path.join(dir, `bin-${name}`);
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, name), `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path.join(bin, name), 0o755);
  return { PATH: `${bin}:${process.env["PATH"]}` };
}

describe("a command that is typed", () => {
  test("is meant from where it was typed: a path that begins with a dot is made whole, everything else stays", () => {
    const script = path.join(dir, "agent.sh");
    expect(command("sh ../agent.sh --fast ./../agent.sh")).toBe(`sh ${script} --fast ${script}`);
    expect(command("cd . && sh ../agent.sh; echo '../not this'")).toBe(`cd . && sh ${script}; echo '../not this'`);
    expect(command("echo a../b ...")).toBe("echo a../b ...");
  });

  test("hears nothing unless it asks for messages, and is handed in for when it ends with 0", () => {
    expect(agentCommandOf("true", from, env, false)).toMatchObject({
      input: "none",
      handsIn: "at_exit",
      runtime: null,
    });
    expect(agentCommandOf("true", from, env, true)).toMatchObject({ input: "messages", handsIn: "at_exit" });
  });

  test("whose script or program is not there is refused before anything is started, with what could be meant", () => {
    expect(() => command("sh ../other.sh")).toThrow(
      `there is no ${path.join(dir, "other.sh")}; ../other.sh is meant from`,
    );
    expect(() => command("no-such-agent --run")).toThrow(/no program no-such-agent.*by name there are claude, codex/s);
    expect(() => command("exec no-such-agent")).toThrow("no program no-such-agent");
    expect(command("X=1 whatever")).toBe("X=1 whatever");
  });
});

describe("a preset", () => {
  test.each(PRESETS.map(({ name, program }) => [name, program]))(
    "%s is its program, if that is there",
    (name, program) => {
      expect(() => agentCommandOf(name, from, { PATH: dir }, false)).toThrow(
        `the program ${program} is not on the PATH`,
      );
      const found = agentCommandOf(name, from, withProgram(program, `${program} 1.2.3`), false);
      expect(found).toMatchObject({ runtime: name, command: "", handsIn: "itself" });
      expect(found.says[0]).toMatch(
        new RegExp(`^agents are ${program} ${program} 1\\.2\\.3 \\(tried was .*\\); none of .* is set: `),
      );
    },
  );

  test("names the keys that are set, and prints no key", () => {
    const found = agentCommandOf(
      "claude",
      from,
      { ...withProgram("claude", "2.1.197"), ANTHROPIC_API_KEY: "very-secret" },
      false,
    );
    expect(found.says).toEqual(["agents are claude 2.1.197; with ANTHROPIC_API_KEY"]);
    expect(JSON.stringify(found)).not.toContain("very-secret");
  });

  test("says by which login it would be let in, where there is no key", () => {
    const home = mkdtempSync(path.join(dir, "home-"));
    mkdirSync(path.join(home, ".claude"));
    writeFileSync(path.join(home, ".claude/.credentials.json"), "very-secret");
    const found = agentCommandOf("claude", from, { ...withProgram("claude", "2.1.197"), HOME: home }, false);
    expect(found.says).toEqual(["agents are claude 2.1.197; logged in by ~/.claude/.credentials.json"]);
  });
});

describe("any agent that speaks ACP", () => {
  test("is named by its command, which is meant from where it was typed and looked for", () => {
    const found = agentCommandOf("acp:sh ../agent.sh", from, env, false);
    expect(found).toMatchObject({ runtime: `acp:sh ${path.join(dir, "agent.sh")}`, command: "" });
    expect(() => agentCommandOf("acp:no-such-agent", from, env, false)).toThrow("no program no-such-agent");
  });
});
