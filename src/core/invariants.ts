/**
 * What must be true after every commit: of one state (`violations`; `violationsSince` looks at what has changed since one that was right), and of two with the journal between them
 * (`transitionViolations`). Pure, and cheap enough to be asked in production. An actor that is damaged, or whose row
 * could not be read, is excused, and whoever depends on it with it: a person was told.
 */
export { glance, transitionViolations, type Glance } from "./invariants/commits.ts";
export { nearestDeadline, overdue } from "./invariants/deadlines.ts";
export { RULES, type Rule, type Violation } from "./invariants/rules.ts";
export { highest, violations, violationsSince, type Highest } from "./invariants/state.ts";
export { AGENT_WAKERS, leafOf } from "./invariants/wakers.ts";
