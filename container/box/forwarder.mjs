/**
 * The first program in a box without a network: what is asked on one port of the box's own loopback goes through the one socket that was
 * bound in. Run as `node forwarder.mjs SOCKET PORT PROGRAM ARGUMENTS...`; it ends as its program does. Where opener.pl was there first it is
 * `node forwarder.mjs SOCKET fd:N`: that port is open, and the program is not its own.
 */
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { constants } from "node:os";

const [socket = "", port = "", program = "", ...args] = process.argv.slice(2);
const CONNECTIONS_MAX = 256;

// They are for the program, which has them from the same hand.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]) process.on(signal, () => {});

const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ path: socket, allowHalfOpen: true });
  const end = () => {
    near.destroy();
    far.destroy();
  };
  near.on("error", end).on("close", end);
  far.on("error", end).on("close", end);
  near.pipe(far);
  far.pipe(near);
});
server.maxConnections = CONNECTIONS_MAX;
server.once("error", (error) => fail(`no port in the box: ${error.message}`));
const opened = /^fd:(\d+)$/.exec(port)?.[1];
const at = opened === undefined ? { host: "127.0.0.1", port: Number(port) } : { fd: Number(opened) };
server.listen(at, () => {
  if (opened !== undefined) return;
  const child = spawn(program, args, { stdio: "inherit" });
  child.once("error", (error) => fail(`${program} was not started: ${error.message}`));
  child.once("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
});

/** 127 as a shell says it of what it does not find. */
function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(127);
}
