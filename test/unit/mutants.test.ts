import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { applied } from "../mutants/apply.ts";
import { findTests } from "../mutants/find.ts";
import { MUTANTS } from "../mutants/incidents.ts";

describe("the mutants of the incidents", () => {
  it("each find the one place that they change, so that none proves nothing", () => {
    const lost = MUTANTS.flatMap(({ incident, edits }) =>
      edits
        .map((edit) => ({ incident, file: edit.file, found: applied(readFileSync(edit.file, "utf8"), edit) }))
        .filter(({ found }) => typeof found === "number"),
    );
    expect(lost).toEqual([]);
  });

  it("each have a test with their id, and each test with an id has one", () => {
    expect([...findTests(".").keys()].toSorted()).toEqual(
      [...new Set(MUTANTS.map(({ incident }) => incident))].toSorted(),
    );
  });

  it("each have one row in docs/incidents.md, in their words, and were noticed by the test that it names", () => {
    const rows = readFileSync("docs/incidents.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| ") && !/^\| (incident|---) /.test(line))
      .map((line) => line.slice(2, -2).split(" | "));
    const told = rows.map(([incident, rule, , bug]) => [incident, rule, bug].join(" | "));
    expect(told).toEqual(MUTANTS.map(({ incident, rule, bug }) => [incident, rule, bug].join(" | ")));
    const unproven = rows.filter(([incident = "", , test = "", , result = ""]) => {
      const file = /^\[[\w-]+\.test\.ts\]\(\.\.\/(test\/[\w/-]+\.test\.ts)\)$/.exec(test)?.[1];
      return (
        !/^caught( \(hung\))?$/.test(result) ||
        file === undefined ||
        !readFileSync(file, "utf8").includes(`"${incident} `)
      );
    });
    expect(unproven).toEqual([]);
  });

  it("are found however a formatter has broken the lines, and not when a token differs", () => {
    const edit = { file: "", find: "call(a, { b: 1 })", replace: "nothing()" };
    expect(applied("x = call(\n  a,\n  {\n    b: 1,\n  },\n);", edit)).toBe("x = nothing();");
    expect(applied("x = call(a, { b: 2 });", edit)).toBe(0);
  });
});
