import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { completionFor } from "../../../cli/completion.ts";
import { cliDocs } from "../../../cli/docs.ts";
import { Failure } from "../../../cli/exits.ts";
import { parse } from "../../../cli/parse.ts";
import { VERBS } from "../../../cli/table.ts";
import { PROJECT } from "../../../scripts/stack/project.ts";

/** One table: what is typed, what is helped, completed and documented are the same verbs. */

const asked = (...args: string[]) => {
  const found = parse(args, "1.2.3");
  if ("help" in found) throw new Error("help");
  return { verb: found.verb.name, input: found.input, globals: found.globals };
};
const refused = (...args: string[]): string => {
  try {
    parse(args, "1.2.3");
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).exit).toBe("misuse");
    return (error as Failure).message;
  }
  throw new Error(`${args.join(" ")} was taken`);
};

test("docs/cli.md is what the table says (node scripts/cli-docs.ts)", () => {
  expect(readFileSync(path.join(PROJECT, "docs", "cli.md"), "utf8")).toBe(cliDocs());
});

test("every verb has a name of its own, helps with all of its arguments and options, and is in the overview", () => {
  const names = VERBS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const overview = parse([], "1") as { help: string };
  for (const { name, args, options } of VERBS) {
    expect(overview.help).toContain(`  ${name.split(" ")[0]} `);
    const { help } = parse([...name.split(" "), "--help"], "1") as { help: string };
    for (const argument of Object.keys(args)) expect(help, name).toContain(argument);
    for (const option of Object.keys(options))
      expect(help, name).toContain(`--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    for (const common of ["--json", "--rig", "--state", "--url"]) expect(help, name).toContain(common);
  }
});

test("examples of the table are command lines that are understood", () => {
  for (const { name, examples = [] } of VERBS)
    for (const example of examples) {
      const words = execFileSync("sh", ["-c", `printf '%s\\n' ${example.replaceAll(/[<>|].*$/g, "")}`], {
        encoding: "utf8",
      });
      expect(asked(...words.trimEnd().split("\n")).verb, example).toBe(name);
    }
});

test("arguments, options and what stands on every command line are where the verb finds them", () => {
  expect(asked("sling", "one", "two", "-p", "high", "--label", "a", "--label", "b", "--rig", "web", "--chain")).toEqual(
    {
      verb: "sling",
      input: {
        titles: ["one", "two"],
        body: undefined,
        file: undefined,
        from: undefined,
        priority: "high",
        label: ["a", "b"],
        after: [],
        chain: true,
        runtime: undefined,
        model: undefined,
        wait: false,
      },
      globals: expect.objectContaining({ rig: "web" }),
    },
  );
  expect(asked("--json", "rig", "add", "x", "--update-instead")).toMatchObject({
    verb: "rig add",
    input: { repository: "x", updateInstead: true, target: undefined },
    globals: { json: true },
  });
  expect(asked("queue").verb).toBe("queue");
  expect(asked("queue", "resume").verb).toBe("queue resume");
});

test.each([
  [["slung"], "slung"],
  [["cancel"], "beads"],
  [["sling", "--prio", "high"], "--prio"],
  [["sling", "x", "-p", "urgent"], "urgent"],
  [["logs", "x", "-n", "many"], "many"],
  [["ls", "too", "many"], "too many arguments"],
  [["rig", "frob"], "frob"],
])("what cannot be understood is misuse, and says where to look: %j", (args, word) => {
  const said = refused(...args);
  expect(said).toContain(word);
  expect(said).toMatch(/\nTry: ticktown (\w+ )*--help$/);
});

test("bash completes verbs, the second words of verbs that have two, and options", () => {
  const dir = mkdtempSync(path.join(tmpdir(), "ticktown-completion-"));
  const file = path.join(dir, "completion.bash");
  writeFileSync(file, completionFor("bash", VERBS));
  const complete = (...words: string[]): string[] =>
    execFileSync(
      "bash",
      [
        "-c",
        `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ticktown; printf '%s\\n' "\${COMPREPLY[@]}"`,
        file,
        ...words,
      ],
      { encoding: "utf8" },
    )
      .trim()
      .split("\n");
  expect(complete("ticktown", "sl")).toEqual(["sling"]);
  expect(complete("ticktown", "rig", "")).toEqual(expect.arrayContaining(["add", "ls", "settings"]));
  expect(complete("ticktown", "sling", "--ch")).toEqual(["--chain"]);
  expect(complete("ticktown", "rig", "add", "--up")).toEqual(["--update-instead"]);
  rmSync(dir, { recursive: true });
});

test("fish and zsh are told of every verb; another shell is refused", () => {
  for (const { name } of VERBS) {
    const word = name.split(" ").at(-1) ?? "";
    expect(completionFor("fish", VERBS)).toContain(`-a ${word} `);
    expect(completionFor("zsh", VERBS)).toContain(word);
  }
  expect(() => completionFor("csh", VERBS)).toThrow("bash, zsh, fish");
});
