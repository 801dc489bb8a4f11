/** What `--agent` names: a preset, or a command as it was typed. Looked at before anything is started. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type HasFile, tryOnce } from "./agent-try.ts";
import { StackError } from "./errors.ts";
import { acpCommandOf } from "../../container/agents/runtimes/runtimes.ts";
import { credentialOf, doubtOf, type Preset, PRESETS, presetNamed, versionOf } from "./presets.ts";
import { quoted } from "./quoted.ts";

export interface AgentCommand {
  /** As the control server runs it, from any folder; empty for a coding agent that is spoken with. */
  readonly command: string;
  /** The coding agent that is spoken with: a preset's name, or `acp:` and a command; null: `command` is a plain one. */
  readonly runtime: string | null;
  readonly input: "messages" | "none";
  readonly handsIn: "itself" | "at_exit";
  /** For people: what was found. */
  readonly says: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * @param from the folder in which it was typed
 * @param messages whether it reads messages on its stdin
 * @throws StackError when its program or script is not there
 */
export function agentCommandOf(typed: string, from: string, env: Env, messages: boolean): AgentCommand {
  const preset = presetNamed(typed.trim());
  if (preset !== undefined) return ofPreset(preset, env);
  if (/^(acp:)?$/.test(typed.trim())) throw new StackError(`--agent "${typed}" names no command`);
  const acp = acpCommandOf(typed.trim());
  const command = fromAnywhere(acp ?? typed, from, env);
  checkProgram(command, typed, env);
  if (acp !== null)
    return { ...SPOKEN_WITH, runtime: `acp:${command}`, says: [`agents are ${command}, spoken with by ACP`] };
  return {
    command,
    runtime: null,
    input: messages ? "messages" : "none",
    handsIn: "at_exit",
    says: [],
  };
}

/** What is said to it, and when it is done, is the conversation's. */
const SPOKEN_WITH = { command: "", input: "none", handsIn: "itself" } as const;

/** The shell's part of it, to be tried; null: a coding agent by name. */
export const shellCommandOf = ({ command, runtime }: AgentCommand): string | null =>
  runtime === null ? command : acpCommandOf(runtime);

export interface Wanted {
  readonly messages: boolean;
  /** Whether a coding agent asks for permission. */
  readonly asks: boolean;
  /** See agent-try.ts. */
  readonly hasFile?: HasFile;
  readonly say: (line: string) => void;
}

/** What a whole Ticktown is started with for it, once it was tried. @throws StackError as agentCommandOf and tryOnce */
export async function stackAgentOf(
  typed: string,
  from: string,
  env: Env,
  { messages, asks, say, hasFile = () => "no" }: Wanted,
): Promise<{ readonly agentCommand: string; readonly environment: Env }> {
  const found = agentCommandOf(typed, from, env, messages);
  const { command, runtime, input, handsIn, says } = found;
  const shell = shellCommandOf(found);
  if (shell !== null) await tryOnce({ command: shell, typed, from, env, hasFile, say });
  for (const line of says) say(line);
  const settings = {
    AGENT_INPUT: input,
    AGENT_HANDS_IN: handsIn,
    ...(runtime === null ? {} : { AGENT_RUNTIME: runtime, AGENT_ASKS: String(asks) }),
  };
  return { agentCommand: command, environment: { ...env, ...settings } };
}

function ofPreset(preset: Preset, env: Env): AgentCommand {
  const { name, program } = preset;
  const version = versionOf(program, env);
  if (version === null)
    throw new StackError(`--agent ${name}: the program ${program} is not on the PATH, or does not say its version`);
  const { says } = credentialOf(preset, env);
  return {
    ...SPOKEN_WITH,
    runtime: name,
    says: [`agents are ${program} ${version}${doubtOf(preset, version)}; ${says}`],
  };
}

/** A path that begins with ./, ../ or ~/; in quotes as a whole; or plain, with blanks behind a backslash. */
const RELATIVE =
  /(?<before>^|[\s;&|(])(?:"(?<double>(?:\.{1,2}|~)\/[^"$`\\]+)"|'(?<single>(?:\.{1,2}|~)\/[^']+)'|(?<plain>(?:\.{1,2}|~)\/(?:\\.|[^\s'"|&;<>()$`\\])+))/g;

/**
 * A path that begins with ./ or ../ is meant from where it was typed, and one with ~/ in the home of who typed it; agents run in clones
 * and homes of their own. What stands in quotes may be no path, and stays as it is where there is no such file.
 */
function fromAnywhere(typed: string, from: string, env: Env): string {
  return typed.replaceAll(RELATIVE, (all: string, ...more) => {
    const { before = "", double, single, plain } = more.at(-1) as Record<string, string | undefined>;
    const file = double ?? single ?? (plain ?? "").replaceAll(/\\(.)/g, "$1");
    // A shell leaves a ~ in quotes as it is.
    const isHome = file.startsWith("~/");
    if (isHome && (plain === undefined || !env["HOME"])) return all;
    const whole = isHome ? path.join(env["HOME"] ?? "", file.slice(2)) : path.resolve(from, file);
    if (existsSync(whole)) return `${before}${quoted(whole)}`;
    if (plain === undefined) return all;
    throw new StackError(`--agent: there is no ${whole}; ${file} is meant from ${isHome ? "your home" : from}`);
  });
}

/** Asked of a shell in an empty folder, as an agent's would be. */
function checkProgram(command: string, typed: string, env: Env): void {
  const [, program] = /^\s*(?:exec\s+)?([A-Za-z0-9_][^\s'"|&;<>()$`\\=]*)(?=\s|$)/.exec(command) ?? [];
  if (program === undefined) return; // An assignment, a quote, a group: the shell will say.
  const scratch = mkdtempSync(path.join(tmpdir(), "ticktown-agent-"));
  try {
    execFileSync("sh", ["-c", 'command -v -- "$1"', "sh", program], { cwd: scratch, env, stdio: "ignore" });
  } catch {
    const preset = PRESETS.map(({ name }) => name).join(", ");
    throw new StackError(
      `--agent "${typed}": there is no program ${program}. Agents run in clones of their own: name a script by ./ or ../ from here, ` +
        `or by its full path; by name there are ${preset}`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
