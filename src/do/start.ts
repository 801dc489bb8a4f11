import type { EffectOf } from "../events/effects.ts";
import type { JsonValue } from "../events/json.ts";
import { holdsAccounts } from "../events/programs.ts";
import { placeOfOrder } from "../events/settings.ts";
import { fenceOf } from "../machines/rig.ts";
import { cleanText } from "../wire/text.ts";
import { hasNamedDispatch, meet } from "./contact.ts";
import { isStopped } from "./halt.ts";
import { programOf } from "./driver.ts";
import type { Answer } from "./ports.ts";
import { promptFor, SYSTEM_PROMPT } from "./prompt.ts";
import { budgetOrder } from "./spend.ts";
import type { Rig } from "./rig.ts";
import type { BeadContent } from "./shapes.ts";
import { readContent, undeliveredMail } from "./store.ts";

/** Secrets, texts and the checkpoint join the order here, after the journal and outside of it. */
export async function start(rig: Rig, effect: EffectOf<"container.start">): Promise<Answer> {
  const { world, ports } = rig;
  const { config, settings } = world.rig.context;
  const agent = world.agents.get(effect.agentId);
  const bead = world.beads.get(effect.beadId);
  if (config === null || agent === undefined || bead === undefined)
    return { kind: "refused", status: 404, error: "the agent or its bead is gone" };
  const content = readContent<BeadContent>(ports.sql, "bead", effect.beadId) ?? {
    title: effect.beadId,
    body: null,
    labels: [],
    metadata: {},
    createdBy: null,
  };
  const checkpoint = effect.resume ? (readContent<JsonValue>(ports.sql, "checkpoint", effect.agentId) ?? null) : null;
  await meet(rig);
  const env = await ports.agentEnvironment({
    agentId: effect.agentId,
    rigId: config.rigId,
    townId: config.townId,
    userId: config.userId,
    dispatchId: fenceOf(world.rig) === "agent" ? null : effect.dispatchId,
    role: agent.context.role,
  });
  // It was stopped while the order was written.
  if (isStopped(rig)) return { kind: "unknown", status: 503, error: "everything of this rig was stopped" };
  const budget = budgetOrder(rig, effect.agentId);
  const answer = await ports.container(config.townId).start(
    {
      agentId: effect.agentId,
      beadId: effect.beadId,
      dispatchId: effect.dispatchId,
      rigId: config.rigId,
      townId: config.townId,
      role: agent.context.role,
      name: cleanText(agent.context.name),
      identity: cleanText(agent.context.identity),
      // A text from before the door had its rule would make every start of this bead fail, whoever is asked.
      prompt: cleanText(
        promptFor(bead, content, effect.branch, effect.resume, undeliveredMail(ports.sql, effect.agentId)),
      ),
      systemPrompt: SYSTEM_PROMPT,
      ...programOf(settings, agent.context.role, bead.context, content, effect),
      ...(holdsAccounts(settings) ? {} : { holdAccounts: false as const }),
      ...(effect.session === undefined ? {} : { session: effect.session }),
      gitUrl: config.gitUrl,
      branch: effect.branch,
      defaultBranch: config.defaultBranch,
      checkpoint,
      envVars: env,
      ...placeOfOrder(settings),
      ...(budget === undefined ? {} : { budget }),
      ...(rig.tracer === null ? {} : { tellsTools: true as const }),
      ...(settings.leftovers_remote === true && ports.sealKey !== undefined ? { sealKey: ports.sealKey() } : {}),
    },
    settings.start_timeout_ms,
  );
  if (answer.kind === "accepted" && answer.namesDispatch !== undefined)
    await hasNamedDispatch(rig, answer.namesDispatch);
  return answer;
}
