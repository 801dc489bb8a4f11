/** Where the control server is reached: a unix socket, or a port. */
import type { Server } from "node:http";
import type { AddressInfo, ListenOptions } from "node:net";
import type { Config } from "../config.ts";
import { makePrivateSocket, prepareSocket } from "./socket.ts";

export interface Listening {
  readonly url: string;
  /** To be called when the server is closed. */
  readonly leave: () => void;
}

/** @throws Error when the port or the socket is taken, or others can reach the socket's folder */
export async function listen(server: Server, { socket, port, host }: Config): Promise<Listening> {
  if (socket !== null) {
    const leave = await prepareSocket(socket);
    await listening(server, { path: socket });
    makePrivateSocket(socket);
    return { url: `unix:${socket}`, leave };
  }
  await listening(server, { port, host });
  const { port: got } = server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${got}`, leave: () => {} };
}

function listening(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, resolve);
  });
}
