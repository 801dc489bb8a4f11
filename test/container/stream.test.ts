import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import type { Agents } from "../../container/agents/agents.ts";
import { createEventRing } from "../../container/agents/output.ts";
import { serveStreams } from "../../container/http/stream.ts";
import { createTickets } from "../../container/http/tickets.ts";
import {
  STREAMS_MAX,
  STREAMS_PER_CALLER_MAX,
  STREAM_FRAME_MAX_BYTES,
  STREAM_PENDING_MAX_BYTES,
} from "../../container/limits.ts";
import { CALLER_HEADER } from "../../src/wire/container.ts";
import { cleanUp, eventually } from "./world.ts";

/** The stream of one agent, and a viewer that speaks in bytes. */
async function served() {
  const ring = createEventRing();
  const tickets = createTickets();
  const server = createServer();
  const agents = { ring: () => ring } as unknown as Agents;
  const close = serveStreams(server, { agents, tickets, controlToken: null });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  cleanUp(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  /** @returns the open connection, or the status with which it was refused */
  const open = (caller?: string): Promise<Duplex | number> =>
    new Promise((resolve) => {
      const headers = {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        ...(caller === undefined ? {} : { [CALLER_HEADER]: caller }),
      };
      const path = `/agents/a1/stream?ticket=${tickets.issue("a1").ticket}`;
      const asking = request({ port, host: "127.0.0.1", path, headers });
      asking.on("upgrade", (_answer, socket) => {
        socket.on("error", () => {});
        cleanUp(() => socket.destroy());
        resolve(socket);
      });
      asking.on("response", (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asking.end();
    });
  return { ring, close, open };
}

/** One frame as a viewer sends it, masked with zeros. */
function frame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length;
  const header = length < 126 ? Buffer.from([0x80 | opcode, 0x80 | length]) : Buffer.alloc(10);
  if (length >= 126) {
    header[0] = 0x80 | opcode;
    header[1] = 0xff;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, Buffer.alloc(4), payload]);
}

/** The code in the close frame that the server sends; "none" for a frame without one. */
function closeCode(socket: Duplex): Promise<number | "none"> {
  let bytes: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
  return eventually("a close frame arrives", () => {
    for (let at = 0; at + 2 <= bytes.length;) {
      const short = (bytes[at + 1] as number) & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (at + head > bytes.length) return null;
      const length =
        short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      if (at + head + length > bytes.length) return null;
      if ((bytes[at] as number) === 0x88) return length < 2 ? "none" : bytes.readUInt16BE(at + head);
      at += head + length;
    }
    return null;
  });
}

const CLOSE = 0x8;

test("a viewer that closes without a code gets a frame without one: 1005, 1006 and 1015 are never sent", async () => {
  const { open } = await served();
  const socket = (await open()) as Duplex;
  const code = closeCode(socket);
  socket.write(frame(CLOSE, Buffer.alloc(0)));
  expect(await code).toBe("none");
  for (const reserved of [1005, 1006, 1015]) {
    const rude = (await open()) as Duplex;
    const answer = closeCode(rude);
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(reserved);
    rude.write(frame(CLOSE, payload));
    expect([reserved, await answer]).toEqual([reserved, 1002]);
  }
});

test("a frame as large as a viewer may send is taken, one byte more is closed with 1009, the end of the server with 1001", async () => {
  const { open, close } = await served();
  const [fits, large] = [(await open()) as Duplex, (await open()) as Duplex];
  const tooLarge = closeCode(large);
  const shutDown = closeCode(fits);
  fits.write(frame(0x2, Buffer.alloc(STREAM_FRAME_MAX_BYTES)));
  large.write(frame(0x2, Buffer.alloc(STREAM_FRAME_MAX_BYTES + 1)));
  expect(await tooLarge).toBe(1009);
  close();
  expect(await shutDown).toBe(1001);
});

test("a viewer that does not read is closed with 1013 and can come back, and nothing piles up for it", async () => {
  const { open, ring } = await served();
  const slow = (await open()) as Duplex;
  slow.pause();
  const large = "x".repeat(STREAM_PENDING_MAX_BYTES / 4);
  // More than the kernel takes in by itself.
  for (let n = 0; n < 60; n++) ring.append("output", large);
  const code = closeCode(slow);
  slow.resume();
  expect(await code).toBe(1013);
});

test(`${STREAMS_MAX} streams may be open, and one more is refused with 503 until one is closed`, async () => {
  const { open } = await served();
  const all: Duplex[] = [];
  for (let n = 0; n < STREAMS_MAX; n++) all.push((await open()) as Duplex);
  expect(await open()).toBe(503);
  all[0]?.destroy();
  await eventually("there is room again", async () => typeof (await open()) === "object");
});

test("F-706c one caller may have half of the streams, and one more is refused with 429; another caller comes in", async () => {
  const { open } = await served();
  const own: Duplex[] = [];
  for (let n = 0; n < STREAMS_PER_CALLER_MAX; n++) own.push((await open("operator:ann")) as Duplex);
  expect(await open("operator:ann")).toBe(429);
  expect(await open("operator:ben")).toBeTypeOf("object");
  // A Worker that does not say whose it is has all that are left.
  expect(await open()).toBeTypeOf("object");
  own[0]?.destroy();
  await eventually("there is room again", async () => typeof (await open("operator:ann")) === "object");
});
