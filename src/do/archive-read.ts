import { folderOf } from "./archive.ts";

/** The archived segments of a rig, oldest first, as one stream; nothing where no bucket is bound. */
export async function* segmentsOf(
  bucket: Pick<R2Bucket, "list" | "get"> | undefined,
  rigId: string,
): AsyncGenerator<Uint8Array> {
  if (bucket === undefined) return;
  for (let cursor: string | undefined; ;) {
    const page = await bucket.list({ prefix: folderOf(rigId), ...(cursor === undefined ? {} : { cursor }) });
    for (const { key } of page.objects) {
      const segment = await bucket.get(key);
      if (segment !== null) yield* segment.body as unknown as AsyncIterable<Uint8Array>;
    }
    if (!page.truncated) return;
    ({ cursor } = page);
  }
}
