/** The mutants of the door: who may come in, and who may do what to whom. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const AUTHORITY = "src/core/decide/authority.ts";

export const DOOR_MUTANTS: readonly Mutant[] = [
  mutant(
    "F-701",
    "a page of another origin gets no further than the door",
    "same-site is as good as same-origin",
    edit("src/api/guard.ts", 'site !== "same-origin" &&', 'site !== "same-origin" && site !== "same-site" &&'),
  ),
  mutant(
    "F-701b",
    "a form of a web page starts nothing at a control server",
    "a body may say of itself what it likes",
    edit("container/http/app.ts", 'if (text !== "" && !/^application', 'if (text === "" && !/^application'),
  ),
  mutant(
    "F-702",
    "nobody passes without a token, wherever it comes from",
    "who calls on loopback is the first operator",
    edit(
      "src/api/auth.ts",
      'if (header === null) return { kind: "anonymous" };',
      'if (header === null && /^(127\\.|localhost|\\[::1\\])/.test(new URL(request.url).hostname)) return { kind: "operator", ...FIRST }; if (header === null) return { kind: "anonymous" };',
    ),
  ),
  mutant(
    "F-703",
    "the Worker is served, and nothing beside it",
    "the folder of all databases has a socket of its own, as a dev server's explorer",
    edit(
      "scripts/stack/workerd-config.ts",
      '(name = "http", address = ${quoted(address)}, http = (), service = "ticktown")',
      '(name = "http", address = ${quoted(address)}, http = (), service = "ticktown"), (name = "explorer", address = "127.0.0.1:0", http = (), service = "objects")',
    ),
  ),
  mutant(
    "F-705",
    "an Idempotency-Key is each caller's own",
    "a key is an agent's, whichever dispatch uses it",
    edit("src/api/rate-limit.ts", '`${holderOf(principal)}:${principal.dispatchId ?? ""}`', "holderOf(principal)"),
  ),
  mutant(
    "F-706",
    "bytes are counted beside requests",
    "only requests are counted",
    edit("src/api/rate-limit.ts", 'if (bytes === 0 || principal.kind === "anonymous") return;', "return;"),
  ),
  mutant(
    "F-706b",
    "no caller takes all of a rig's streams",
    "who opens a stream is what the client says",
    edit(
      "src/api/caller.ts",
      "headers.set(CALLER_HEADER, holder);",
      "if (!headers.has(CALLER_HEADER)) headers.set(CALLER_HEADER, holder);",
    ),
  ),
  mutant(
    "F-706c",
    "no caller takes all of a container's streams",
    "only all of them are counted",
    edit("container/http/stream.ts", 'caller !== "" &&', 'caller === "" &&'),
  ),
  mutant(
    "F-602b",
    "with a token ends what came of it",
    "what a revoked browser has let in goes on",
    edit(
      "src/do/operators.ts",
      '"DELETE FROM operator_tokens WHERE root = ? OR INSTR(line, ?) > 0", id, `/${id}/`',
      '"DELETE FROM operator_tokens WHERE root = ?", id',
    ),
  ),
  mutant(
    "F-707",
    "a credential in a repository's URL goes to the secrets",
    "only the user is taken out of it",
    edit("src/wire/git-url.ts", 'url.username = "";\n  url.password = "";', 'url.username = "";'),
  ),
  mutant(
    "F-708",
    "a ticket is checked before a container is woken",
    "a ticket of one town opens another",
    edit(
      "src/api/ticket.ts",
      'encoder.encode(["stream ticket", ...said].join("\\n"))',
      'encoder.encode(["stream ticket", ...said.slice(1)].join("\\n"))',
    ),
  ),
  mutant(
    "F-709",
    "JSON is nested within bounds",
    "nesting is not counted",
    edit("src/wire/text.ts", "deepest = Math.max(deepest, ++depth);", "depth++;"),
  ),
  mutant(
    "F-707b",
    "a password is on no command line of ours",
    "git is given the repository as it was named",
    edit(
      "scripts/stack/repository.ts",
      "return { gitUrl, secrets, caution: cautionOf(",
      "return { gitUrl: named, secrets, caution: cautionOf(",
    ),
  ),
  mutant(
    "F-711",
    "whoever was first in a folder that could be foreseen keeps nobody from starting",
    "a folder that is there is good",
    edit(
      "container/http/socket.ts",
      "const why = found === undefined ? null : whyNotOwn(found);",
      "const why = found === undefined ? null : null;",
    ),
  ),
  mutant(
    "F-712",
    "what is in a state folder is its owner's alone",
    "journals of earlier versions stay as they were",
    edit("scripts/stack/state.ts", '"worker", "logs", "run"]', '"logs", "run"]'),
  ),
  mutant(
    "F-710",
    "a process is who the start says",
    "a secret of the rig may say it as well",
    edit("container/agents/environment.ts", ".filter(([name]) => !isSaidByStart(name))", ""),
  ),
  mutant(
    "zeroshot#621",
    "what one text causes fails no start",
    "a text reaches the process as it is",
    edit("src/wire/text.ts", "withLineFeeds(text).replace(EACH_FORBIDDEN, REPLACEMENT)", "withLineFeeds(text)"),
  ),
  mutant(
    "zeroshot#621b",
    "what one bead says opens no breaker",
    "the same refusal counts each time",
    edit("src/machines/rig.ts", 'expect(event, "dispatch.failed").sameInput === true', "false"),
  ),
  mutant(
    "F-104",
    "a verdict comes from the holder of the claim",
    "any agent of the rig may say that a branch is merged",
    edit(
      AUTHORITY,
      'if (who.kind !== "agent" || !who.isAtHome || roleOf(world, who) !== "refinery") return false;',
      'if (who.kind === "agent") return true; if (who.kind !== "agent") return false;',
    ),
  ),
  mutant(
    "F-602",
    "a token ends with its agent",
    "the token of an agent that is gone is good for what names nobody",
    edit(
      AUTHORITY,
      'if (agent === undefined && world.broken.has(actorKey("agent", who.id))) return null;',
      "if (agent === undefined) return null;",
    ),
  ),
  mutant(
    "F-704",
    "a polecat speaks for itself",
    "an agent may speak for any other of its rig",
    edit(
      AUTHORITY,
      'holds: (who, { agentId }) => who.kind === "agent" && who.isAtHome && who.id === agentId,',
      'holds: (who) => who.kind === "agent" && who.isAtHome,',
    ),
  ),
  mutant(
    "F-704b",
    "an agent makes beads within limits",
    "what has ended counts as well, and for whoever asks",
    edit("src/do/makers.ts", "else if (maker === agentId) open", "else if (maker !== agentId) open"),
  ),
  mutant(
    "lobehub#19548",
    "an old token counts while its dispatch runs",
    "a token that is past its end counts for nothing",
    edit(AUTHORITY, "return isLive ? null : refuse(", "return refuse("),
  ),
];
