import { edit, mutant, type Mutant } from "./mutant.ts";

/** Of a rig that is brought back from a file. */

export const RESTORE_MUTANTS: readonly Mutant[] = [
  mutant(
    "RESTORE-held",
    "a rig that was brought back starts and merges nothing until a person resumes it",
    "its merges go on while it is paused",
    edit("src/core/schedule.ts", " || isHeldBack(world.rig)) return [];", ") return [];"),
  ),
  mutant(
    "RESTORE-held",
    "an import pauses its rig, whatever it was",
    "a rig that drained goes on when it is brought back",
    edit("src/machines/rig.ts", '{ target: "#rig.life.alive.paused" }', '{ target: "alive" }'),
  ),
  mutant(
    "RESTORE-held",
    "an import pauses its rig, whatever it was",
    "a rig that worked goes on at once when it is brought back",
    edit("src/machines/rig.ts", '"rig.imported": { target: ".paused" }', '"rig.imported": { target: ".open" }'),
  ),
  mutant(
    "RESTORE-fence",
    "no dispatch of before an import counts, nor one that the lost rig granted after the file was written",
    "dispatches are counted on from the file",
    edit("src/machines/imported.ts", "Math.max(n + 1, Math.floor(at / 1_000))", "n"),
  ),
  mutant(
    "RESTORE-token",
    "no token that was made before an import counts",
    "it counts until its end",
    edit("src/core/decide/authority.ts", "who.isAtHome && imported !== undefined &&", "false &&"),
  ),
  mutant(
    "RESTORE-again",
    "what an import ends is charged to nobody",
    "who had a process has crashed",
    edit(
      "src/machines/agent/transitions.ts",
      'actions: ["stopContainer", "tellUnsaid", "rememberExit", "waitForNothing", "endHandIn", "fenceBefore"]',
      'actions: ["stopContainer", "tellUnsaid", "rememberExit", "chargeAttempt", "endHandIn", "fenceBefore"]',
    ),
  ),
  mutant(
    "RESTORE-again",
    "what was asked of the world before the loss is not asked again",
    "an import fills the outbox with all that ever was in it",
    edit(
      "src/do/store.ts",
      "for (const effect of isPast ? [] : entry.effects) {",
      "for (const effect of entry.effects) {",
    ),
  ),
  mutant(
    "RESTORE-secrets",
    "whoever brings a rig back is told which of its secrets are missing",
    "those that are missing are not told",
    edit("src/core/needs-restored.ts", "!secrets.includes(name)", "secrets.includes(name)"),
  ),
  mutant(
    "RESTORE-whole",
    "a file that was cut, or changed by accident, is not taken",
    "the seal is not looked at",
    edit("src/do/import.ts", "seal.sha256 !== (await reading.hash.end())", "false"),
  ),
  mutant(
    "RESTORE-whole",
    "what a journal does not come to is not taken",
    "rows of a file are not compared",
    edit("src/do/import.ts", "seal.still && (reading.differs !== null || rows !== reading.actors)", "false"),
  ),
  mutant(
    "RESTORE-damaged",
    "an actor whose row could not be read is as damaged in what is brought back: what was said to it then finds nobody again",
    "its row is read where the import has written it",
    edit("src/do/import.ts", "for (const { fact } of recorded) spoil(sql, fact);", ""),
  ),
  mutant(
    "RESTORE-export",
    "an export of a rig that does not rest is whole all the same",
    "facts that were written meanwhile are not seen between its facts and its actors",
    edit("src/do/export.ts", "rig.world.seq === from.through", "true"),
  ),
  mutant(
    "RESTORE-export",
    "an export of a rig that does not rest has an end",
    "it looks for more facts as long as there are any",
    edit("src/do/export.ts", "if (entries.length === EXPORT_PAGE)", "if (entries.length > 0)"),
  ),
];
