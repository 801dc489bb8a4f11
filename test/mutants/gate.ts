/** The mutants of the gate and the train against who means ill with them. Their tests are in test/container/*-odd.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const GATE_MUTANTS: readonly Mutant[] = [
  mutant(
    "GATE-checkout",
    "a tree that cannot be checked out is red where the target can",
    "it stops the queue, and is tried again for ever",
    edit(
      "container/gate/gate.ts",
      "error instanceof Refusal || error instanceof NoFiles;",
      "error instanceof Refusal;",
    ),
  ),
  mutant(
    "GATE-left",
    "a check after which there is nothing to look at is red",
    "it stops the queue, and is tried again for ever",
    edit("container/gate/gate.ts", "if (!(error instanceof Untidy ||", "if (error instanceof Untidy || !("),
  ),
  mutant(
    "GATE-end",
    "what is told of a check's output has no half of a secret",
    "it begins wherever the bytes that are kept begin",
    edit("container/gate/check.ts", "isCut && cut !== -1 ?", "isCut && cut === 0 ?"),
  ),
  mutant(
    "GATE-forged",
    "what trains wrote down of their pushes is not a check's to write",
    "nobody looks",
    edit("container/gate/store-watch.ts", "if (forged.length > 0)", "if (forged.length < 0)"),
  ),
  mutant(
    "TRAIN-author",
    "work whose author git would not write down holds up nobody",
    "it stops the queue, and is tried again for ever",
    edit(
      "container/train/commits.ts",
      "if (result.code === 0) return result.stdout.trim();",
      "return result.stdout.trim();",
    ),
  ),
  mutant(
    "TRAIN-taken_back",
    "what was taken back is not said to be on the target",
    "an ancestor is an ancestor",
    edit(
      "container/train/stack.ts",
      ").has(carrier)) return contained(carrier);",
      ").has(source)) return contained(carrier);",
    ),
  ),
];
