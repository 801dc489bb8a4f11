import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Box, Layout } from "../../../dashboard/src/debug/drawing.ts";

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe.each(["agent", "bead", "review", "rig", "queue"])("the picture of the %s chart", (name) => {
  const layout = JSON.parse(
    readFileSync(new URL(`../../../docs/statecharts/layout/${name}.json`, import.meta.url), "utf8"),
  ) as Layout;
  const labels = layout.arrows.flatMap(({ id, label }) => (label === null ? [] : [{ id, ...label }]));
  const leaves = layout.states.filter((state) => state.kind === "atomic");

  test("has no label over another, or over a state", () => {
    const covered = labels.flatMap((label, i) =>
      [...labels.slice(i + 1), ...leaves]
        .filter((other) => overlap(label, other))
        .map((other) => `${label.id} and ${other.id}`),
    );
    expect(covered).toEqual([]);
  });

  test("has every state within its parent", () => {
    for (const state of layout.states) {
      const parent = layout.states.find((one) => one.id === state.id.split(".").slice(0, -1).join("."));
      if (parent === undefined) continue;
      expect([
        state.id,
        state.x >= parent.x &&
          state.y >= parent.y &&
          state.x + state.width <= parent.x + parent.width &&
          state.y + state.height <= parent.y + parent.height,
      ]).toEqual([state.id, true]);
    }
  });

  test("has room for what is written in every state", () => {
    const cramped = layout.states.filter(
      (state) =>
        state.id !== layout.name &&
        state.inside !== null &&
        (state.inside.width > state.width || state.insideAt + state.inside.height > state.height),
    );
    expect(cramped.map((state) => state.id)).toEqual([]);
  });
});
