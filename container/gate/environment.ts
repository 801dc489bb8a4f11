/** What setup and checks are given: no token and no secret of the rig, but what setup needs to fetch packages. */
import { MODEL_VARIABLES } from "../agents/door/upstreams.ts";
import type { SpawnOptions } from "../agents/supervisor.ts";
import { inMemory } from "../box/agent-box.ts";
import type { Holder } from "../box/bounds.ts";
import type { Box, BoxSpec } from "../box/box.ts";
import { CERTIFICATES, toolsOn } from "../box/bwrap.ts";
import { nextUser } from "../box/users.ts";
import type { Config } from "../config.ts";
import { hostEnvForAgents } from "../processes/host-env.ts";
import type { TrainContext } from "../train/context.ts";
import type { Copy } from "./copy.ts";

type Env = Record<string, string>;

export function checkEnvironment(
  { hostEnv, launcher }: Config,
  isBoxed: boolean,
  copy: Copy,
  { who }: TrainContext,
): Env {
  return {
    ...hostEnvForAgents(hostEnv),
    // What it keeps for itself goes with the copy. In a box nobody's home is there.
    ...(isBoxed || launcher !== null ? { HOME: copy.home } : {}),
    TMPDIR: isBoxed ? "/tmp" : copy.tmp,
    CI: "true",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
  };
}

/** Ours, those that could push, and the keys of models: a setup is what the repository, and so perhaps an agent, says. */
const NEVER = /^(GASTOWN_|TICKTOWN_)|^GIT_(TOKEN|USERNAME)$/;
export const isNotForSetups = (name: string): boolean => NEVER.test(name) || MODEL_VARIABLES.has(name);

/** The setup runs what the work brings along, so it gets what the rig's owner set for it, and nothing that pushes. */
export function setupEnvironment(config: Config, isBoxed: boolean, copy: Copy, context: TrainContext): Env {
  const { envVars = {}, ownVars = [] } = context.request;
  const own = ownVars.flatMap((name) => {
    const value = envVars[name];
    return value === undefined || name.startsWith("GIT_") || isNotForSetups(name) ? [] : [[name, value]];
  });
  return { ...checkEnvironment(config, isBoxed, copy, context), ...Object.fromEntries(own) };
}

/** Who runs what is checked, and its copy meanwhile, where there is somebody to start it. */
export function launcherFor(
  { launcher }: Config,
  { tree, home, root }: Copy,
  { uid }: Pick<BoxSpec, "uid">,
): NonNullable<SpawnOptions["launcher"]> | null {
  if (launcher !== null) return { socket: launcher, owns: [root] };
  return uid === undefined ? null : { uid, owns: [tree, home] };
}

/** What of this machine is in the box of a gate. */
export function boxOf({ hostEnv, boxVisible, launcher }: Config, box: Box, holder: Holder, copy: Copy): BoxSpec {
  const uid = box.kind === "none" || launcher !== null ? null : nextUser();
  const certificates = CERTIFICATES.flatMap((name) => hostEnv[name] ?? []);
  return {
    cwd: copy.tree,
    writable: [copy.tree, copy.home],
    readable: [...toolsOn(hostEnv["PATH"] ?? ""), ...certificates, ...boxVisible],
    ...inMemory(holder),
    ...(uid === null ? {} : { uid }),
  };
}
