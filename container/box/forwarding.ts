/** The program that stands first in a box without a network, and whether such a box works here. */
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { BOX_PROBE_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import { type Box, lastLine } from "./box.ts";
import { SOCKET_IN_BOX } from "./bwrap.ts";
import { type Gateways, PORT_IN_BOX } from "./gateway.ts";

const NODE = realpathSync(process.execPath);
const FORWARDER = path.join(import.meta.dirname, "forwarder.mjs");
const OPENER = path.join(import.meta.dirname, "opener.pl");
const PERL = "/usr/bin/perl";

/** What such a box shows beside all else. */
export const FORWARDING_FILES: readonly string[] = [NODE, FORWARDER, OPENER];

/** The same program, begun once a port of the box's own leads to the socket that is bound in. */
export type Forwarding = (argv: readonly string[]) => readonly string[];

/** The program waits until Node has begun. */
const byNode: Forwarding = (argv) => [NODE, FORWARDER, SOCKET_IN_BOX, String(PORT_IN_BOX), ...argv];

/** What asks at that port waits, and the program does not. */
const byPerl: Forwarding = (argv) => [PERL, OPENER, String(PORT_IN_BOX), NODE, FORWARDER, SOCKET_IN_BOX, ...argv];

export interface Forwards {
  readonly forwarding: Forwarding;
  /** Why no box without a network works here; empty: one does. */
  readonly why: string;
}

/** Nothing but loopback is there: /proc/net/dev has two lines above its list. */
const ALONE = 'test "$(wc -l < /proc/net/dev)" -eq 3';

/** Tries both ways, the faster one first. */
export async function findForwarding(box: Box, gateways: Gateways, pathVariable: string): Promise<Forwards> {
  const gateway = await gateways.open(null);
  const why = async (forwarding: Forwarding): Promise<string> => {
    const spec = { cwd: "/", writable: [], readable: FORWARDING_FILES, socket: gateway.socket };
    const [command = "", ...args] = box.within(spec, forwarding(["sh", "-c", ALONE]));
    const tried = await exec(command, args, {
      cwd: "/",
      env: { PATH: pathVariable },
      timeout_ms: BOX_PROBE_TIMEOUT_MS,
    });
    return tried.code === 0 ? "" : `a box without a network: ${lastLine(tried.stderr) || "it has one"}`;
  };
  try {
    if (existsSync(PERL) && (await why(byPerl)) === "") return { forwarding: byPerl, why: "" };
    return { forwarding: byNode, why: await why(byNode) };
  } finally {
    gateway.close();
  }
}
