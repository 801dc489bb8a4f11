import type { Need } from "../../../cli/needs.ts";

/** A rig, and what somebody is needed for, as the town tells the command line. */
export const rig = {
  id: "rig-1",
  town_id: "t",
  user_id: "u",
  name: "web",
  git_url: "/g",
  default_branch: "main",
  created_at: "",
};

/** A question of polecat-1, but for what is said otherwise. */
export const need = (of: Partial<Need>): Need => ({
  key: "k",
  code: "question",
  level: "now",
  title: "polecat-1 asks: which?",
  text: "Your answer lets it go on.",
  since: null,
  until: null,
  count: 1,
  agents: [{ id: "agent-1", name: "polecat-1" }],
  beads: [{ id: "bead-1", title: 'Say "hi"' }],
  reviews: [],
  actors: [],
  waiting: [],
  waiting_count: 0,
  escalations: [],
  prompt: null,
  ask: null,
  values: {},
  ...of,
});
