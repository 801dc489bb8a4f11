/** The driver of each kind. */
import { createAcpDriver } from "./acp.ts";
import { createClaudeDriver } from "./claude.ts";
import { createCodexDriver } from "./codex.ts";
import type { Driver, DriverKind, DriverWorld } from "./vocabulary.ts";

const MAKERS: Readonly<Record<DriverKind, (world: DriverWorld) => Driver>> = {
  acp: createAcpDriver,
  claude: createClaudeDriver,
  codex: createCodexDriver,
};

export const createDriver = (kind: DriverKind, world: DriverWorld): Driver => MAKERS[kind](world);
