import { expect, test } from "vitest";
import { OBJECTS, workerdConfig } from "../../../scripts/stack/workerd-config.ts";

const given = {
  bundle: "worker.js",
  compatibilityDate: "2026-10-01",
  address: "127.0.0.1:8787",
  objects: "/state/worker/v3/do",
  pages: "/ticktown/dist/dashboard",
  variables: ["TICKTOWN_OPERATOR_TOKEN"],
  controlSocket: "/tmp/ticktown-0-0123/control.sock",
};

test("the objects' keys are those that made the state folders of earlier versions: changed, every rig would be gone", () => {
  expect(OBJECTS.map(({ uniqueKey }) => uniqueKey)).toEqual([
    "ticktown-RigDO",
    "ticktown-UserDO",
    "ticktown-TownContainer",
  ]);
});

test("a variable's value is read from the environment, so that no secret is in the file", () => {
  expect(workerdConfig(given)).toContain(
    '(name = "TICKTOWN_OPERATOR_TOKEN", fromEnvironment = "TICKTOWN_OPERATOR_TOKEN")',
  );
});

test("the control server is a service of its socket, and none where it has a URL", () => {
  expect(workerdConfig(given)).toContain('external = (address = "unix:/tmp/ticktown-0-0123/control.sock", http = ())');
  expect(workerdConfig({ ...given, controlSocket: null })).not.toContain('"CONTAINER"');
});

test("a path cannot end its text: quotes, backslashes, line breaks and other letters are written as bytes", () => {
  const text = workerdConfig({ ...given, objects: '/a"b\\c\nd/ü' });
  expect(text).toContain('disk = (path = "/a\\x22b\\x5cc\\x0ad/\\xc3\\xbc", writable = true)');
});
