/** Completion of verbs and options for bash, zsh and fish, made from the table. */
import type { Family } from "./table.ts";
import { Failure } from "./exits.ts";
import { typed, verb, type Verb } from "./verb.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

const flagsOf = ({ options }: Verb): string[] => Object.keys(options).map((name) => `--${typed(name)}`);
const COMMON = ["--json", "--rig", "--state", "--url", "--help"];

/** Words that may follow `ticktown` and what was typed so far, by that. */
function nextWords(verbs: readonly Verb[]): Map<string, string[]> {
  const words = new Map<string, string[]>([["", []]]);
  for (const one of verbs) {
    const [first = "", second] = one.name.split(" ");
    const top = words.get("") ?? [];
    if (!top.includes(first)) top.push(first);
    if (second !== undefined) words.set(first, [...(words.get(first) ?? []), second]);
    words.set(one.name, [...(words.get(one.name) ?? []), ...flagsOf(one), ...COMMON]);
  }
  return words;
}

function posix(verbs: readonly Verb[]): string {
  const cases = [...nextWords(verbs)].map(([typed, words]) => `    "${typed}") words="${words.join(" ")}" ;;`);
  return `_ticktown() {
  local current="\${COMP_WORDS[COMP_CWORD]}" typed="" words=""
  if [ "$COMP_CWORD" -gt 1 ]; then typed="\${COMP_WORDS[1]}"; fi
  if [ "$COMP_CWORD" -gt 2 ]; then
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${verbs
  .filter(({ name }) => name.includes(" "))
  .map(({ name }) => `      "${name}") typed="${name}" ;;`)
  .join("\n")}
    esac
  fi
  case "$typed" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ticktown ticktown
`;
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fish(verbs: readonly Verb[]): string {
  const words = nextWords(verbs);
  const firsts = words.get("") ?? [];
  const lines = firsts.map((first) => {
    const about = verbs.find(({ name }) => name === first)?.about ?? (words.get(first) ?? []).join(", ");
    return `complete -c ticktown -n __fish_use_subcommand -f -a ${first} -d ${quoted(about)}`;
  });
  for (const { name, about, options } of verbs) {
    const [first = "", second] = name.split(" ");
    const seen = `__fish_seen_subcommand_from ${second ?? first}`;
    if (second !== undefined)
      lines.push(`complete -c ticktown -n '__fish_seen_subcommand_from ${first}' -f -a ${second} -d ${quoted(about)}`);
    for (const [option, { about, type }] of Object.entries(options))
      lines.push(
        `complete -c ticktown -n '${seen}' -l ${typed(option)}${type === "flag" ? "" : " -r"} -d ${quoted(about)}`,
      );
  }
  return `${lines.join("\n")}\n`;
}

/** @throws Failure for a shell that is not known */
export function completionFor(shell: string, verbs: readonly Verb[]): string {
  if (shell === "fish") return fish(verbs);
  if (shell === "bash") return posix(verbs);
  if (shell === "zsh") return `autoload -U +X bashcompinit && bashcompinit\n${posix(verbs)}`;
  throw new Failure("misuse", `there is completion for ${SHELLS.join(", ")}`);
}

export const completionVerb = (families: () => readonly Family[]): Verb =>
  verb({
    name: "completion",
    about: "print the completion for a shell: bash, zsh or fish",
    effect: "reads",
    atTerminal: "it is for a shell",
    isLocal: true,
    examples: ["completion bash > ~/.local/share/bash-completion/completions/ticktown", "completion fish | source"],
    args: { shell: { about: SHELLS.join(", ") } },
    options: {},
    run: async ({ shell }) => {
      const text = completionFor(
        shell,
        families().flatMap(({ verbs }) => verbs),
      ).trimEnd();
      return { data: { shell, text }, text };
    },
  });
