/** Writes docs/cli.md from the table of verbs: node scripts/cli-docs.ts. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { cliDocs } from "../cli/docs.ts";
import { PROJECT } from "./stack/project.ts";

writeFileSync(path.join(PROJECT, "docs", "cli.md"), cliDocs());
