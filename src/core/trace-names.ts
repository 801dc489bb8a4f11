/**
 * The names that traces are told with, pinned: attributes of the GenAI conventions of OpenTelemetry as they are in exactly this version, and
 * Ticktown's own. Another version is another file content, never a mix.
 */
export const CONVENTIONS = "1.41.0";
export const SCHEMA_URL = `https://opentelemetry.io/schemas/${CONVENTIONS}`;

export const GEN_AI = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  agentId: "gen_ai.agent.id",
  agentName: "gen_ai.agent.name",
  model: "gen_ai.response.model",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  toolName: "gen_ai.tool.name",
} as const;
export const INVOKE_AGENT = "invoke_agent";
export const EXECUTE_TOOL = "execute_tool";
/** Of what has failed, where nobody says by what. */
export const ERROR_TYPE = { name: "error.type", other: "_OTHER" } as const;

/** Who answers for the programs that are known; another program is called by its own name. */
export const PROVIDERS: Readonly<Partial<Record<string, string>>> = { claude: "anthropic", codex: "openai" };

export const TICKTOWN = {
  rig: "ticktown.rig.id",
  bead: "ticktown.bead.id",
  attempts: "ticktown.bead.attempts",
  outcome: "ticktown.outcome",
  dispatch: "ticktown.dispatch.id",
  attempt: "ticktown.dispatch.attempt",
  phase: "ticktown.phase",
  cost: "ticktown.cost.microdollars",
} as const;
