/** The program that stands first in a box without a network, and whether such a box works here. */
import { realpathSync } from "node:fs";
import path from "node:path";
import { BOX_PROBE_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import { type Box, lastLine } from "./box.ts";
import { SOCKET_IN_BOX } from "./bwrap.ts";
import { type Gateways, PORT_IN_BOX } from "./gateway.ts";

export const NODE = realpathSync(process.execPath);
export const FORWARDER = path.join(import.meta.dirname, "forwarder.mjs");

/** The same program, begun once a port of the box's own leads to the socket that is bound in. */
export const forwarding = (argv: readonly string[]): readonly string[] => [
  NODE,
  FORWARDER,
  SOCKET_IN_BOX,
  String(PORT_IN_BOX),
  ...argv,
];

/** Nothing but loopback is there: /proc/net/dev has two lines above its list. */
const ALONE = 'test "$(wc -l < /proc/net/dev)" -eq 3';

/** @returns why no box without a network works here; empty: one does */
export async function whyNoGateway(box: Box, gateways: Gateways, pathVariable: string): Promise<string> {
  const gateway = await gateways.open(null);
  try {
    const spec = { cwd: "/", writable: [], readable: [NODE, FORWARDER], socket: gateway.socket };
    const [command = "", ...args] = box.within(spec, forwarding(["sh", "-c", ALONE]));
    const tried = await exec(command, args, {
      cwd: "/",
      env: { PATH: pathVariable },
      timeout_ms: BOX_PROBE_TIMEOUT_MS,
    });
    return tried.code === 0 ? "" : `a box without a network: ${lastLine(tried.stderr) || "it has one"}`;
  } finally {
    gateway.close();
  }
}
