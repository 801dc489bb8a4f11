/** Lines of a connection that may become something else: nothing is read beyond the line that is waited for. */
import type { Socket } from "node:net";
import { LAUNCHER_LINE_MAX_BYTES } from "./protocol.ts";

/** @param onFirst the first line, and how the next ones are heard; without that the connection is left as it is */
export function readLines(
  socket: Socket,
  onFirst: (line: string, more: (next: (line: string) => void) => void) => void,
): void {
  let text = "";
  let next: ((line: string) => void) | null = null;
  const onData = (chunk: Buffer): void => {
    text += chunk.toString("utf8");
    if (text.length > LAUNCHER_LINE_MAX_BYTES) return void socket.destroy();
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      if (next !== null) next(line);
      else {
        socket.off("data", onData).pause();
        onFirst(line, (heard) => {
          next = heard;
          socket.on("data", onData).resume();
        });
      }
    }
  };
  socket.on("data", onData);
}
