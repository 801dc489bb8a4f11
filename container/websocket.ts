/**
 * The server's half of RFC 6455, as far as a stream of events needs it: text out; ping, pong and close in.
 * A hundred lines instead of one more package in the production image.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { STREAM_FRAME_MAX_BYTES, STREAM_PENDING_MAX_BYTES } from "./limits.ts";

const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

export interface SendOnlySocket {
  /** A reader that does not keep up is closed with 1013 (try again later). */
  readonly send: (text: string) => void;
  readonly ping: () => void;
  readonly close: (code: number, reason: string) => void;
}

/** Answers an upgrade request with a plain HTTP error. */
export function refuseUpgrade(socket: Duplex, status: string, error: string): void {
  const body = JSON.stringify({ error });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** @returns null, with the request answered, when it is not a WebSocket handshake */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, onClose: () => void): SendOnlySocket | null {
  const key = request.headers["sec-websocket-key"];
  if (request.headers.upgrade?.toLowerCase() !== "websocket" || !key || request.headers["sec-websocket-version"] !== "13") {
    refuseUpgrade(socket, "400 Bad Request", "this is not a WebSocket handshake (version 13)");
    return null;
  }
  const accept = createHash("sha1").update(key + HANDSHAKE_GUID).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);

  let closing = false;
  const close = (code: number, reason: string): void => {
    if (closing) return;
    closing = true;
    const body = Buffer.alloc(2 + Buffer.byteLength(reason));
    body.writeUInt16BE(code);
    body.write(reason, 2);
    socket.end(frame(CLOSE, body));
  };
  socket.once("close", onClose);
  socket.on("error", () => socket.destroy());
  const read = createFrameReader((opcode, payload) => {
    if (opcode === CLOSE) close(1000, "");
    else if (opcode === PING && !closing) socket.write(frame(PONG, payload));
  });
  const onData = (chunk: Buffer): void => {
    if (!read(chunk)) close(1009, "frame too large");
  };
  socket.on("data", onData);
  if (head.length > 0) onData(head);

  return {
    send: (text) => {
      if (closing) return;
      if (socket.writableLength > STREAM_PENDING_MAX_BYTES) close(1013, "too slow; come back with ?after=");
      else socket.write(frame(TEXT, Buffer.from(text)));
    },
    ping: () => {
      if (!closing) socket.write(frame(PING, Buffer.alloc(0)));
    },
    close,
  };
}

/** One unmasked, final frame. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  header[0] = 0x80 | opcode;
  if (length < 126) header[1] = length;
  else if (length < 65_536) {
    header[1] = 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, payload]);
}

/** @returns a function that takes bytes and answers false when the peer sends more than a viewer would */
function createFrameReader(onFrame: (opcode: number, payload: Buffer) => void): (chunk: Buffer) => boolean {
  let buffered: Buffer = Buffer.alloc(0);
  return (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      if (buffered.length < 2) return true;
      const masked = ((buffered[1] as number) & 0x80) !== 0;
      let length = (buffered[1] as number) & 0x7f;
      let offset = 2;
      if (length === 127) return false;
      if (length === 126) {
        if (buffered.length < 4) return true;
        length = buffered.readUInt16BE(2);
        offset = 4;
      }
      if (length > STREAM_FRAME_MAX_BYTES) return false;
      const start = offset + (masked ? 4 : 0);
      if (buffered.length < start + length) return true;
      const payload = Buffer.from(buffered.subarray(start, start + length));
      if (masked) for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (buffered[offset + (i % 4)] as number);
      onFrame((buffered[0] as number) & 0x0f, payload);
      buffered = buffered.subarray(start + length);
    }
  };
}
