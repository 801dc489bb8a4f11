/** The mutants of traces. Their tests: traces.test.ts in test/unit/incidents, and conformance.test.ts of the drivers. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const TRACE = "src/core/trace.ts";
const TRACES = "src/do/traces.ts";

export const TRACE_MUTANTS: readonly Mutant[] = [
  mutant(
    "TRACE-off",
    "without an endpoint nothing of traces is there",
    "every rig listens for a collector that nobody has",
    edit(TRACES, 'if (endpoint === undefined || endpoint === "") return;', "if (endpoint === undefined) return;"),
  ),
  mutant(
    "TRACE-off",
    "tools are asked for only where they are told of",
    "every container counts tools for nobody",
    edit(
      "src/do/start.ts",
      "...(rig.tracer === null ? {} : { tellsTools: true as const })",
      "tellsTools: true as const",
    ),
  ),
  mutant(
    "TRACE-words",
    "no words of a bead are in its trace",
    "whoever keeps the collector reads everybody's titles",
    edit(
      TRACE,
      "[TICKTOWN.attempts]: piece.attempts,",
      "[TICKTOWN.attempts]: piece.attempts,\n      title: piece.title,",
    ),
  ),
  mutant(
    "TRACE-lost",
    "what a collector does not take is dropped and counted",
    "nobody knows that traces are missing",
    edit(TRACES, "    drop(rig);\n    rig.ports.log", "    rig.ports.log"),
  ),
  mutant(
    "TRACE-lost",
    "a collector's address is told to nobody",
    "the log has an address with a key in it",
    edit(TRACES, '.replaceAll(endpoint, "the collector")', ""),
  ),
  mutant(
    "TRACE-redirect",
    "a collector that leads elsewhere is followed by nobody",
    "whoever stands there gets the collector's key",
    edit(TRACES, 'redirect: "manual"', 'redirect: "follow"'),
  ),
  mutant(
    "TRACE-limit",
    "no more traces wait than the limit",
    "a collector that is slow fills the memory of the rig",
    edit(TRACES, "if (due.size >= LIMITS.traces_waiting) drop(rig);\n    else due.set", "due.set"),
  ),
  mutant(
    "TRACE-tools",
    "tools are parts of their dispatch's span, within its time",
    "a container whose clock is wrong tells of tools of yesterday",
    edit(TRACE, "Math.min(Math.max(time, since), now)", "time"),
  ),
  mutant(
    "TRACE-tools",
    "an agent tells of tools of its own dispatches alone",
    "it writes into the trace of another bead",
    edit(
      TRACES,
      "dispatchId !== null && dispatchNumber(agentId, dispatchId) !== null",
      "dispatchId !== null && agentId !== null",
    ),
  ),
  mutant(
    "TRACE-ran",
    "a dispatch tells of its newest tools alone",
    "a report of an agent in a loop is larger than its rig takes, so that its end is never heard",
    edit("container/agents/drivers/conversation.ts", "if (ran.length > TOOLS_TOLD_MAX) ran.shift();", ""),
  ),
];
