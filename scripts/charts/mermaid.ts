import { drawnOf, type Row } from "./edges.ts";
import { childrenOf, type Chart, type ChartState } from "./graph.ts";
import type { Said } from "./said.ts";

/** A chart as a Mermaid stateDiagram-v2, for readers of Markdown. */
export function mermaidOf(chart: Chart, said: ReadonlyMap<string, Said>): string {
  const { arrows, inside } = drawnOf(chart, said);
  const lines = ["stateDiagram-v2"];
  const [root] = chart.states;
  if (root === undefined) return lines.join("\n");
  // Mermaid knows regions only inside a state.
  if (root.kind === "parallel") writeState(root, 1);
  else writeChildren(root, 1);
  for (const { source, target, rows } of arrows) {
    for (const row of rows) lines.push(`  ${name(source)} --> ${name(target)}: ${textOf(row)}`);
  }
  return lines.join("\n");

  function writeChildren(state: ChartState, depth: number): void {
    const indent = "  ".repeat(depth);
    if (state.initial !== null) lines.push(`${indent}[*] --> ${name(state.initial)}`);
    childrenOf(chart, state.id).forEach((child, i) => {
      if (state.kind === "parallel" && i > 0) lines.push(`${indent}--`);
      writeState(child, depth);
    });
  }

  function writeState(state: ChartState, depth: number): void {
    const indent = "  ".repeat(depth);
    const rows = inside.get(state.id) ?? [];
    lines.push(`${indent}state "${quoted(state.key)}" as ${name(state.id)}`);
    if (state.kind !== "atomic") {
      lines.push(`${indent}state ${name(state.id)} {`);
      writeChildren(state, depth + 1);
      lines.push(`${indent}}`);
      return;
    }
    for (const text of [state.description, ...rows.map(textOf)])
      if (text !== "") lines.push(`${indent}${name(state.id)}: ${quoted(text)}`);
  }
}

const name = (id: string): string => id.replaceAll(".", "_");
const quoted = (text: string): string => text.replaceAll('"', "'").replaceAll(";", ",").replaceAll(":", " -");

export const textOf = ({ events, guards, effects, facts, context, target, isNothing }: Row): string =>
  [
    events.map((event) => event || "at once").join(", "),
    ...(guards.length === 0 ? [] : [`[${guards.join(", ")}]`]),
    ...(target === null ? [] : [`→ ${target}`]),
    ...(effects.length + facts.length === 0 ? [] : ["/", [...effects, ...facts].join(", ")]),
    ...(effects.length + facts.length === 0 && context.length > 0 ? ["/", context.join(", ")] : []),
    ...(isNothing ? ["/ changes nothing"] : []),
  ].join(" ");
