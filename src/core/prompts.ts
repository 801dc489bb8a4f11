import { asItIs } from "../events/json.ts";

/** What a permission prompt asks, from what its process sent: every agent tool words it in its own way. */
export interface Prompt {
  /** In one line; "" when nothing of it is known. */
  readonly text: string;
  /** What it wants to run, or null. */
  readonly command: string | null;
}

const WORDS = ["title", "message", "prompt", "description", "question", "permission", "tool", "type"] as const;
const COMMANDS = ["command", "cmd", "input", "pattern", "path"] as const;

const first = (value: Record<string, unknown>, names: readonly string[]): string | null => {
  for (const name of names) {
    const found = value[name];
    if (typeof found === "string" && found.trim() !== "") return found.trim();
  }
  return null;
};

/** @param said the prompt as it was journalled: JSON, or the beginning of it, or plain text. */
export function promptOf(said: string): Prompt {
  const value = asItIs(said);
  if (typeof value === "string") return { text: value.trim(), command: null };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { text: "", command: null };
  const fields = value as Record<string, unknown>;
  const inner = ["metadata", "properties", "input", "data"]
    .map((name) => fields[name])
    .filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null);
  const of = (names: readonly string[]): string | null =>
    [fields, ...inner].map((one) => first(one, names)).find((one) => one !== null) ?? null;
  return { text: of(WORDS) ?? "", command: of(COMMANDS) };
}

/** Answers that a question offers, from an escalation's metadata: at most 8, in its order. */
export function optionsOf(metadata: Readonly<Record<string, unknown>> | undefined): string[] {
  const options = metadata?.["options"];
  if (!Array.isArray(options)) return [];
  return options.filter((one): one is string => typeof one === "string" && one.trim() !== "").slice(0, 8);
}
