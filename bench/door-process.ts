/** A process of the bench `door`: the scripted model (`model`), or the agents' door in front of it (`door URL`). Prints one line of JSON. */
import { createAgentDoor } from "../container/agents/door/door.ts";
import { upstreamsOf } from "../container/agents/door/upstreams.ts";
import { startModel } from "../test/agents/model/server.ts";

const [what, url = ""] = process.argv.slice(2);
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

if (what === "model") {
  const model = await startModel({
    bench: () => ({ text: "word ".repeat(4_000), tokens: { input: 50_000, output: 4_000 } }),
  });
  // What is kept for tests would grow for as long as the bench runs.
  setInterval(() => model.requests.splice(0), 1_000).unref();
  say({ url: model.url, key: "none" });
} else {
  const door = createAgentDoor({ log: (line) => process.stderr.write(`${line}\n`) });
  const pass = await door.open({
    agentId: "a1",
    rigId: "rig1",
    dispatchId: "a1:1",
    branch: "b",
    defaultBranch: "main",
    apiUrl: null,
    token: null,
    upstreams: upstreamsOf({ ANTHROPIC_API_KEY: "sk-bench-0123456789abcdef", ANTHROPIC_BASE_URL: url }, {}),
    redact: (text) => text,
  });
  say({ url: pass.modelUrl("anthropic"), key: pass.token });
}
