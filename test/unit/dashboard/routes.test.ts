import { expect, test } from "vitest";
import { movedTo, paths, routeOf } from "../../../dashboard/src/lib/routes.ts";

/** The addresses of the pages: each opens what it says, and those of earlier versions still do. */

const at = (address: string) => {
  const { pathname, searchParams } = new URL(address, "http://board.example");
  return routeOf(pathname, searchParams);
};
const moved = (address: string) => {
  const { pathname, searchParams } = new URL(address, "http://board.example");
  return movedTo(pathname, searchParams);
};

test("an address that is made for a page opens that page, whatever its ids hold", () => {
  for (const id of ["rig-1", "a:b", "a b/c", "ü%", "x?y#z"]) {
    expect(at(paths.rig(id))).toEqual({ page: "rig", rigId: id });
    expect(at(paths.bead(id, id))).toEqual({ page: "bead", rigId: id, beadId: id });
    expect(at(paths.run(id))).toEqual({ page: "run", rigId: id });
    expect(at(paths.since(id))).toEqual({ page: "since", rigId: id });
    expect(at(paths.rigSettings(id))).toEqual({ page: "rig-settings", rigId: id });
  }
  expect(at("/")).toEqual({ page: "overview", rigId: null });
  expect(at("/debug?rig=r&actor=agent:a")).toEqual({ page: "debug", rigId: "r" });
  expect(at("/debug?file=1")).toEqual({ page: "debug", rigId: null });
});

test("what is no address is said to be none", () => {
  for (const address of [
    "/rigs",
    "/rigs/",
    "/rigs/r/beads",
    "/rigs/r/beads/b/more",
    "/rigs/r/nothing",
    "/x",
    "/rigs/%E0",
  ])
    expect(at(address), address).toEqual({ page: "unknown", rigId: null });
});

test("links of earlier versions open the same", () => {
  expect(moved("/?rig=r1")).toBe("/rigs/r1");
  expect(moved("/?rig=r1&show=agent:a1")).toBe("/rigs/r1?show=agent:a1");
  expect(moved("/?rig=r1&show=bead%3Ab1")).toBe("/rigs/r1?show=bead:b1");
  expect(moved("/")).toBeNull();
  expect(moved("/rigs/r1")).toBeNull();
});
