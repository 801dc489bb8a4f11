/** An agent of the bench `drivers`: agent-process.mjs bare|acp FILE. Says in FILE when it has its task, ms since epoch, and ends. */
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [, , kind, file] = process.argv;
const hasTask = () => writeFileSync(file, String(performance.timeOrigin + performance.now()));

if (kind === "bare") {
  if (process.env.TICKTOWN_PROMPT) hasTask();
} else {
  const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const { id, method } = JSON.parse(line);
    if (method === "initialize") answer(id, { protocolVersion: 1, agentCapabilities: {} });
    if (method === "session/new") answer(id, { sessionId: "s" });
    if (method !== "session/prompt") return;
    hasTask();
    answer(id, { stopReason: "end_turn" });
  });
  input.on("close", () => process.exit(0));
}
