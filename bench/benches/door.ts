/** What the agents' door adds to a request to a model: the same request with and without it, in turns, to the same model. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request as send } from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Bench } from "../context.ts";
import { type Result, median, quantile } from "../report.ts";
import { ROOT } from "../server.ts";

const WANTED_MS = 5;
/** Of a first prompt, and of a conversation that is long. */
const SIZES = [2_000, 200_000, 1_000_000] as const;

/** The first ones compile, and open connections. */
const WARM = 10;

interface Place {
  readonly url: string;
  readonly key: string;
}

interface Took {
  /** To the first byte of the answer, and to its last. */
  readonly first_ms: number;
  readonly last_ms: number;
}

export const door: Bench = async ({ quick }): Promise<Result> => {
  const children: ChildProcess[] = [];
  const start = async (...args: string[]): Promise<Place> => {
    const child = spawn(process.execPath, [path.join(ROOT, "bench/door-process.ts"), ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    return JSON.parse(line) as Place;
  };
  const agent = new Agent({ keepAlive: true });
  try {
    const model = await start("model");
    const through = await start("door", model.url);
    const measured = [];
    for (const bytes of SIZES) measured.push(await measure(agent, { model, through }, bytes, quick ? 60 : 300));
    const rows = measured.map(({ row }) => row);
    const worst = Math.max(...measured.map(({ p50_ms }) => p50_ms));
    return {
      tables: [
        {
          title: "A request to a model through the agents' door",
          columns: [
            "request",
            "direct, ms",
            "through the door, ms",
            "added to the first byte, ms",
            "added to the last, ms",
            "added to the last, p95, ms",
          ],
          rows,
          notes: [
            "The scripted model of `npm run test:agents` (test/agents/model), the door and the bench are a process each; answers are streams of 20 kB, whose usage is read on the way. The difference is taken of each pair.",
          ],
        },
      ],
      targets: [
        {
          what: "what the door adds to a request, p50",
          wanted: `less than ${WANTED_MS} ms`,
          is: `${worst.toFixed(2)} ms`,
          reached: worst < WANTED_MS,
        },
      ],
    };
  } finally {
    agent.destroy();
    for (const child of children) child.kill();
  }
};

interface Measured {
  readonly row: readonly (string | number)[];
  readonly p50_ms: number;
}

async function measure(
  agent: Agent,
  { model, through }: { model: Place; through: Place },
  bytes: number,
  rounds: number,
): Promise<Measured> {
  const body = JSON.stringify({
    model: "scripted",
    stream: true,
    tools: [{ name: "Bash" }],
    messages: [{ role: "user", content: `[[script:bench]]${"x".repeat(bytes)}` }],
  });
  const took = { direct: [] as Took[], door: [] as Took[] };
  const turns = [
    ["direct", model],
    ["door", through],
  ] as const;
  for (let n = 0; n < rounds + WARM; n++) {
    for (const [kind, place] of n % 2 === 0 ? turns : turns.toReversed()) {
      const one = await ask(agent, place, body);
      if (n >= WARM) took[kind].push(one);
    }
  }
  const added = (of: keyof Took): number[] => took.door.map((one, n) => one[of] - (took.direct[n]?.[of] ?? 0));
  const last = added("last_ms");
  return {
    p50_ms: median(last),
    row: [
      `${Math.round(bytes / 1_000).toLocaleString("en-US")} kB`,
      median(took.direct.map(({ last_ms }) => last_ms)),
      median(took.door.map(({ last_ms }) => last_ms)),
      median(added("first_ms")),
      median(last),
      quantile(last, 0.95),
    ],
  };
}

function ask(agent: Agent, { url, key }: Place, body: string): Promise<Took> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const request = send(
      `${url}/v1/messages`,
      {
        agent,
        method: "POST",
        headers: { "x-api-key": key, "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        let first_ms: number | null = null;
        response.on("data", () => (first_ms ??= performance.now() - began));
        response.once("error", reject);
        response.once("end", () => {
          const last_ms = performance.now() - began;
          if (response.statusCode === 200) resolve({ first_ms: first_ms ?? last_ms, last_ms });
          else reject(new Error(`HTTP ${response.statusCode} from ${url}`));
        });
      },
    );
    request.once("error", reject);
    request.end(body);
  });
}
