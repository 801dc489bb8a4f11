/** Verbs about the merge queue. */
import type * as z from "zod";
import type { RigInfo } from "../../scripts/stack/api-client.ts";
import type { ReviewQueue } from "../../src/wire/queue.ts";
import type { Context } from "../context.ts";
import { rigPath } from "../find.ts";
import { pick } from "../pick.ts";
import { columns, indented, oneLine } from "../text.ts";
import { verb } from "../verb.ts";

type Queue = z.infer<typeof ReviewQueue>;
type Review = Queue["reviews"][number];

const BEAD = { about: "the title of its bead, or the beginning of an id" } as const;

const queueOf = ({ api }: Context, rig: RigInfo): Promise<Queue> =>
  api.call<Queue>("GET", rigPath(rig, "/review-queue"));

export const queue = verb({
  name: "queue",
  about: "the merge queue: what is under way, what is in the way, and who waits, in order",
  effect: "reads",
  args: {},
  options: {},
  run: async (_, context) => {
    const found = await Promise.all(
      (await context.find.rigs()).map(async (rig) => ({ rig, queue: await queueOf(context, rig) })),
    );
    const text = found.map(({ rig, queue: { state, train, trouble, reviews } }) =>
      [
        `${rig.name}: ${state}${train === null ? "" : `, ${train.reviews.length} on the train${train.step === null ? "" : ` (${oneLine(train.step)})`}`}`,
        ...(trouble === null ? [] : [`  in the way: ${trouble.code}: ${oneLine(trouble.words)}`]),
        indented(
          columns(
            reviews.map(({ position, state, title, message }) => [
              position === null ? "-" : String(position),
              state,
              `${title}${message === null ? "" : `: ${oneLine(message)}`}`,
            ]),
            "nobody waits",
          ),
        ),
      ].join("\n"),
    );
    return { data: found.map(({ rig, queue }) => ({ rig: rig.id, ...queue })), text: text.join("\n") };
  },
});

export const queueResume = verb({
  name: "queue resume",
  about: "try a queue that is parked, held or waiting again now",
  effect: "changes",
  args: {},
  options: {},
  run: async (_, { find, api }) => {
    const rig = await find.rig();
    const done = await api.call("POST", rigPath(rig, "/review-queue/resume"));
    return { data: done, text: `${rig.name}'s queue goes on` };
  },
});

async function reviewOf(text: string, context: Context): Promise<{ rig: RigInfo; it: Review }> {
  const found = await Promise.all(
    (await context.find.rigs()).map(async (rig) => (await queueOf(context, rig)).reviews.map((it) => ({ rig, it }))),
  );
  const candidates = found
    .flat()
    .map((one) => ({ ...one, id: one.it.bead_id, title: one.it.title, note: one.it.state }));
  const byReview = candidates.find(({ it }) => it.id === text);
  return byReview ?? pick("review", text, candidates);
}

const act = (name: "approve" | "hold" | "release" | "jump" | "remove", about: string, done: string) =>
  verb({
    name,
    about,
    effect: name === "remove" ? "destroys" : "changes",
    args: { bead: BEAD },
    options: {},
    run: async ({ bead }, context) => {
      const { rig, it } = await reviewOf(bead, context);
      // What was looked at is what is approved: a tree that has changed since is another one.
      const body = name === "approve" ? { tree: it.tree } : undefined;
      const answer = await context.api.call(
        "POST",
        rigPath(rig, `/review-queue/${encodeURIComponent(it.id)}/${name}`),
        body,
      );
      const files = name === "approve" && it.files.length > 0 ? ` (${it.files.map(oneLine).join(", ")})` : "";
      return { data: answer, text: `"${oneLine(it.title)}" ${done}${files}` };
    },
  });

export const QUEUE = [
  queue,
  queueResume,
  act("approve", "approve a change of protected files, as it is in the queue now", "is approved"),
  act("hold", "keep a review back", "is held"),
  act("release", "let a review go on that was held", "goes on"),
  act("jump", "put a review in front of the others", "is the next"),
  act("remove", "take a review out of the queue, and cancel its bead", "is removed"),
];
