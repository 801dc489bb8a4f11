/**
 * Is every commit that Ticktown put on the target covered by a receipt? Asked offline, from git:
 * node scripts/verify.ts REPO JOURNAL [--strict] [--branch B] [--json]
 * Exit 0: yes. 1: no, or the journal is not whole; with --strict also where somebody else committed. 2: it cannot be told.
 */
import { command } from "./verify/command.ts";

process.exitCode = await command(process.argv.slice(2), console.log, console.error);
