/** All verbs, in the order in which the help lists them. Parser, help, completion, docs/cli.md and the MCP tools are made from this. */
import { completionVerb } from "./completion.ts";
import type { Verb } from "./verb.ts";
import { AGENTS } from "./verbs/agents.ts";
import { AUDIT } from "./verbs/audit.ts";
import { feedVerb } from "./verbs/feed.ts";
import { mcpVerb } from "./verbs/mcp.ts";
import { MONEY } from "./verbs/money.ts";
import { notify } from "./verbs/notify.ts";
import { PEOPLE } from "./verbs/people.ts";
import { QUEUE } from "./verbs/queue.ts";
import { RIG } from "./verbs/rig.ts";
import { sling } from "./verbs/sling.ts";
import { TOWN } from "./verbs/town.ts";
import { WORK } from "./verbs/work.ts";

export interface Family {
  readonly title: string;
  readonly verbs: readonly Verb[];
}

export const FAMILIES: readonly Family[] = [
  { title: "A Ticktown", verbs: TOWN },
  { title: "Rigs", verbs: RIG },
  { title: "Work", verbs: [sling, ...WORK] },
  { title: "People", verbs: [feedVerb, ...PEOPLE, notify] },
  { title: "Agents", verbs: AGENTS },
  { title: "The merge queue", verbs: QUEUE },
  { title: "Reports and money", verbs: MONEY },
  { title: "Proof", verbs: AUDIT },
  { title: "This program", verbs: [mcpVerb(() => FAMILIES), completionVerb(() => FAMILIES)] },
];

export const VERBS: readonly Verb[] = FAMILIES.flatMap(({ verbs }) => verbs);

/** What may stand on every command line. */
export const GLOBALS = {
  state: {
    type: "text",
    about: "the state folder of a Ticktown on this machine (./.ticktown, here or in a folder above)",
    value: "DIR",
  },
  url: { type: "text", about: "a Ticktown elsewhere; also TICKTOWN_URL", value: "URL" },
  rig: {
    type: "text",
    about:
      "which rig, by its name or id; also TICKTOWN_RIG (without it the only one, or that of the repository one stands in)",
    value: "NAME",
  },
  user: { type: "text", about: "whose towns; also TICKTOWN_USER (local)", value: "NAME" },
  json: { type: "flag", about: "answer in JSON; an error is one line of JSON on stderr" },
  yes: { type: "flag", about: "do what cannot be taken back without asking", short: "y" },
} as const satisfies Verb["options"];
