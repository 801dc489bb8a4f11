import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { applied } from "../mutants/apply.ts";
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

  it("are found however a formatter has broken the lines, and not when a token differs", () => {
    const edit = { file: "", find: "call(a, { b: 1 })", replace: "nothing()" };
    expect(applied("x = call(\n  a,\n  {\n    b: 1,\n  },\n);", edit)).toBe("x = nothing();");
    expect(applied("x = call(a, { b: 2 });", edit)).toBe(0);
  });
});
