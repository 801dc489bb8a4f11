import { hexOf } from "../do/sha256.ts";

/** A file that comes with a request, and what it was: by its bytes, which are known once it was read. */
export interface Upload {
  /** The same bytes. */
  readonly body: ReadableStream<Uint8Array>;
  /** Their SHA-256. Reads what nobody has read yet. @returns null where somebody has given up reading it */
  readonly digest: () => Promise<string | null>;
}

/** @param from the body of a request; null: there is none */
export function uploadOf(from: ReadableStream<Uint8Array> | null): Upload | null {
  if (from === null) return null;
  const reader = from.getReader();
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  let isOver = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) {
        await writer.close();
        isOver = true;
        controller.close();
        return;
      }
      await writer.write(value);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return {
    body,
    digest: async () => {
      if (!isOver && body.locked) return null;
      if (!isOver) for (const rest = body.getReader(); !(await rest.read()).done;);
      return hexOf(new Uint8Array(await hash.digest));
    },
  };
}
