import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A control server that does nothing but take its time: every call is answered after `delay_ms`. */
export interface SlowContainer {
  readonly url: string;
  delay_ms: number;
  calls: number;
  /** When each start arrived, by dispatch id (or agent id), ms of performance.now(). */
  readonly starts: Map<string, number>;
  /** Lets it know these processes, as if it had started them. */
  knows(town: string, dispatches: readonly { agentId: string; dispatchId: string }[]): Promise<void>;
  close(): Promise<void>;
}

export async function slowContainer(delay_ms: number): Promise<SlowContainer> {
  const towns = new Map<string, Map<string, { agentId: string; dispatchId: string | undefined }>>();
  const server = createServer((request, response) => {
    const arrived = performance.now();
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      container.calls++;
      const town = String(request.headers["x-ticktown-town"] ?? "");
      const agents = towns.get(town) ?? new Map<string, { agentId: string; dispatchId: string | undefined }>();
      towns.set(town, agents);
      const path = request.url ?? "/";
      const status = ({ agentId, dispatchId }: { agentId: string; dispatchId: string | undefined }) => ({
        agentId,
        dispatchId,
        status: "running",
        startedAt: new Date(0).toISOString(),
        lastActivityAt: new Date(0).toISOString(),
        activeTools: [],
        messageCount: 0,
        exitReason: null,
      });
      let code = 200;
      let body: unknown = {};
      if (path === "/agents/start") {
        const order = JSON.parse(Buffer.concat(chunks).toString()) as { agentId: string; dispatchId?: string };
        container.starts.set(order.dispatchId ?? order.agentId, arrived);
        agents.set(order.agentId, { agentId: order.agentId, dispatchId: order.dispatchId });
        code = 201;
        body = status({ agentId: order.agentId, dispatchId: order.dispatchId });
      } else if (path === "/agents") body = { agents: [...agents.values()].map(status) };
      else if (path.endsWith("/status"))
        body = status({ agentId: decodeURIComponent(path.split("/")[2] ?? ""), dispatchId: undefined });
      else if (path === "/git/merge") {
        code = 202;
        body = { status: "accepted" };
      }
      const answer = () => response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (container.delay_ms === 0) answer();
      else setTimeout(answer, container.delay_ms);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const container: SlowContainer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    delay_ms,
    calls: 0,
    starts: new Map(),
    knows: async (town, dispatches) => {
      towns.set(town, new Map(dispatches.map((each) => [each.agentId, each])));
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return container;
}
