/** What the control server may ask of the launcher: one line of JSON per connection, and one in answer to each step. */
import * as z from "zod";

const MAX_BYTES_LINE = 4 * 1024 * 1024;
/** An environment of a MiB, as JSON. */
export const LAUNCHER_LINE_MAX_BYTES = MAX_BYTES_LINE;

const Pid = z.int().min(2);
export const LaunchSignal = z.enum(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL"]);

export const Asked = z.discriminatedUnion("op", [
  /** Starts a program as one of the agents' users, to whom these folders and files are given until it is released. */
  z.object({
    op: z.literal("start"),
    argv: z.array(z.string()).min(1).max(1_000),
    cwd: z.string(),
    env: z.record(z.string(), z.string()),
    owns: z.array(z.string()).max(10),
    hasInput: z.boolean(),
  }),
  /** This connection is the stdin, stdout or stderr of what was asked for with this ticket. */
  z.object({ op: z.literal("stdio"), ticket: z.string(), fd: z.int().min(0).max(2) }),
  /** A process of an agents' user, or all of its group that are. */
  z.object({ op: z.literal("signal"), pid: Pid, isGroup: z.boolean(), signal: LaunchSignal }),
]);
export type Asked = z.infer<typeof Asked>;

/** On the connection of a start, in this order; `uid` is nobody else's until it is released, by the end of the connection or by a line. */
export const Told = z.union([
  z.object({ ticket: z.string(), uid: z.int() }),
  z.object({ pid: z.int() }),
  z.object({ code: z.int().nullable(), signal: z.string().nullable() }),
  z.object({ released: z.literal(true) }),
  z.object({ error: z.string() }),
]);
export type Told = z.infer<typeof Told>;

/** Said on a connection that is a program's from then on. */
export const STDIO_READY = "ready\n";
/** Said by the control server once nothing of it should run any more. */
export const RELEASE = "release";
