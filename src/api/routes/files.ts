import { newHash } from "../../do/new-hash.ts";
import * as z from "zod";
import type { Env } from "../../do/env.ts";
import type { ExportCursor } from "../../do/export.ts";
import { DOOR, LIMITS } from "../../events/limits.ts";
import { headerLine, readHeader, sealLine } from "../../core/journal-file.ts";
import { messageOf } from "../../events/message-of.ts";
import { HttpError } from "../errors.ts";
import { ndjson } from "../respond.ts";
import { route, type Route } from "../route.ts";
import { Id, RigInfo } from "../../wire/schemas.ts";

/** A rig as a file, and back. */

const access = ["operator"] as const;

const linesOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** Up to its first line feed, and the whole of it again as a stream. @throws HttpError where there is none */
async function withFirstLine(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader();
  const read: Uint8Array[] = [];
  let text = "";
  const decoder = new TextDecoder();
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done || text.length > LIMITS.import_line_bytes) {
      await reader.cancel().catch(() => {});
      throw new HttpError(400, "this is no journal file: its first line is none");
    }
    read.push(value);
    text += decoder.decode(value, { stream: true });
  }
  const { readable, writable } = new IdentityTransformStream();
  const pump = async (): Promise<void> => {
    const writer = writable.getWriter();
    try {
      for (const chunk of read) await writer.write(chunk);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        await writer.write(value);
      }
      await writer.close();
    } catch (error) {
      // Whoever reads has seen enough, or whoever sends has gone.
      await reader.cancel(error).catch(() => {});
      await writer.abort(error).catch(() => {});
    }
  };
  return { line: text.slice(0, text.indexOf("\n")), readable, pump };
}

function rigOf(line: string): string {
  try {
    const id = Id.safeParse(readHeader(line).rig);
    if (id.success) return id.data;
  } catch (error) {
    throw new HttpError(422, messageOf(error));
  }
  throw new HttpError(422, "the file does not say of which rig it is");
}

/** A rig that was brought back is in no list where the last step of it was lost. */
async function listAgain(env: Env, userId: string, stub: ReturnType<Env["RIG"]["get"]>): Promise<void> {
  const { config } = await stub.exportHead();
  const user = env.USER.get(env.USER.idFromName(userId));
  if (config?.userId !== userId || (await user.rig(config.rigId)) !== null) return;
  await user.adoptRig({ ...config, townName: null, createdAt: Date.now() });
}

export const fileRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/rigs/:rigId/export",
    summary:
      "The journal and the stored actors as one file, which `npm run replay` reads and `npm run import` brings back; its last line says that it is whole",
    tag: "rigs",
    access,
    handle: async ({ rig, params, env }) => {
      const stub = rig();
      const { config, secrets } = await stub.exportHead();
      const town = config === null ? null : await env.USER.get(env.USER.idFromName(config.userId)).town(config.townId);
      const head = headerLine(params.rigId, { ...(town === null ? {} : { town: town.name }), secrets });
      const digest = newHash();
      let next: ExportCursor | null | "sealed" = { part: "facts", after: 0 };
      const counts = { facts: 0, actors: 0 };
      let still = true;
      let ahead = [head];
      const response = await ndjson(async () => {
        while (next !== null && next !== "sealed") {
          const page: Awaited<ReturnType<typeof stub.exportPage>> = await stub.exportPage(next);
          next = page.next as ExportCursor | null;
          counts.facts += page.facts;
          counts.actors += page.lines.length - page.facts;
          still &&= page.still;
          const lines = [...ahead, ...page.lines];
          ahead = [];
          await digest.update(linesOf(lines));
          if (lines.length > 0) return lines;
        }
        if (next === "sealed") return [];
        next = "sealed";
        return [sealLine({ ...counts, still, sha256: await digest.end() })];
      });
      response.headers.set("content-disposition", `attachment; filename="${params.rigId}.journal.ndjson"`);
      return response;
    },
  }),
  route({
    method: "POST",
    path: "/api/users/:userId/rigs/import",
    summary:
      "Bring a rig back from the file of its export: the same ids and the same journal. It is paused, nothing of before is believed, and its secrets are to be set again",
    tag: "towns and rigs",
    access,
    scope: "admin",
    once: "registry",
    file: "application/x-ndjson",
    answer: RigInfo.extend({ facts: z.int(), missing_secrets: z.array(z.string()) }),
    status: 201,
    handle: async ({ env, params, caller, context }) => {
      const length = Number(context.req.header("content-length") ?? 0);
      if (length > LIMITS.import_bytes)
        throw new HttpError(413, `a journal file may have ${LIMITS.import_bytes} bytes, this one has ${length}`);
      const { body } = context.req.raw;
      if (body === null) throw new HttpError(400, "this is no journal file: it is empty");
      const user = env.USER.get(env.USER.idFromName(params.userId));
      if ((await user.rigs()).length >= DOOR.towns_and_rigs)
        throw new HttpError(429, `a user may have ${DOOR.towns_and_rigs} rigs`);
      const { line, readable, pump } = await withFirstLine(body);
      const stub = env.RIG.get(env.RIG.idFromName(rigOf(line)));
      void pump();
      const answer = await stub.importJournal(readable, params.userId, caller.id);
      if (!answer.ok) {
        if (answer.status === 409) await listAgain(env, params.userId, stub);
        throw new HttpError(answer.status, answer.error);
      }
      const { imported } = answer;
      const info = await user.adoptRig(imported);
      return { ...info, facts: imported.facts, missing_secrets: [...imported.secrets] };
    },
  }),
];
