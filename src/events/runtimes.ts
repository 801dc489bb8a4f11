/** The coding agents that a rig or a bead may name: the presets, and a container's own command that speaks ACP. */

/** What the container's own agent is called where it is any command that speaks ACP. */
export const OWN_ACP = "acp";

/** The container knows how each of them is started (container/agents/runtimes). */
export const RUNTIME_NAMES: readonly string[] = ["claude", "codex", "opencode", "kilo", "gemini", OWN_ACP];

/** @returns what is wrong with a name that somebody asks for; null: nothing. Whether a container has just this `acp:` command it says itself. */
export const unknownRuntime = (name: string): string | null =>
  RUNTIME_NAMES.includes(name) || name.startsWith(`${OWN_ACP}:`)
    ? null
    : `there is no coding agent ${name}; there are ${RUNTIME_NAMES.join(", ")}`;
