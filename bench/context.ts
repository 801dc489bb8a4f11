import { slowContainer, type SlowContainer } from "./container.ts";
import type { Result } from "./report.ts";
import { bundle, serve, type Workerd } from "./server.ts";

export interface Context {
  readonly quick: boolean;
  /** The bench's own workerd: nobody else's alarms ring in it. */
  workerd(): Promise<Workerd>;
  container(): Promise<SlowContainer>;
}
export type Bench = (context: Context) => Promise<Result>;

export function createContext(quick: boolean): Context & { end(): Promise<void> } {
  let server: Promise<Workerd> | null = null;
  let control: Promise<SlowContainer> | null = null;
  const container = () => (control ??= slowContainer(0));
  return {
    quick,
    container,
    workerd: () => (server ??= container().then(({ url }) => serve(bundle("bench/workerd/worker.mts"), url))),
    end: async () => {
      await (await server)?.stop();
      await (await control)?.close();
    },
  };
}
