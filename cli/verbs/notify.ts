/** The verb for being told of needs. */
import { NEED_CODES } from "../../src/events/needs.ts";
import type { NotifyEdit, NotifyShown } from "../../src/wire/notify.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { oneLine } from "../text.ts";
import { verb } from "../verb.ts";

/** `22:00-07:00` in a zone; `none`. @throws Failure for anything else */
export function quietOf(typed: string, zone: string | undefined): NotifyEdit["quiet"] {
  if (typed === "none") return null;
  const [, from = "", to = ""] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(typed) ?? [];
  if (from === "") throw new Failure("misuse", `"${typed}" are no hours: write 22:00-07:00, or none`);
  return { from, to, zone: zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone };
}

/** `failed=always`. @throws Failure for anything else */
export function kindOf(typed: string): [string, "always" | "never"] {
  const [kind = "", rule = ""] = typed.split("=");
  if (!NEED_CODES.some((code) => code === kind))
    throw new Failure("misuse", `there is no kind of need "${kind}"; there are ${NEED_CODES.join(", ")}`);
  if (rule !== "always" && rule !== "never") throw new Failure("misuse", `write ${kind}=always or ${kind}=never`);
  return [kind, rule];
}

function textOf({ host, format, least, kinds, quiet, error }: NotifyShown): string {
  if (host === null) return "nobody is told; `ticktown notify --to` sets an address";
  const rules = Object.entries(kinds).map(([kind, rule]) => `, ${kind} ${rule}`);
  return [
    `${host}${format === null ? "" : ` (${format})`}: needs of level ${least}${least === "now" ? "" : " and above"}${rules.join("")}`,
    ...(quiet === null ? [] : [`quiet from ${quiet.from} to ${quiet.to} in ${quiet.zone}`]),
    ...(error === null ? [] : [`could not be told at ${error.at}: ${oneLine(error.text)}`]),
  ].join("\n");
}

export const notify = verb({
  name: "notify",
  about:
    "have yourself told of needs by a webhook (Slack, ntfy, JSON): each once, with a link; without options, show how",
  more: `The address is a secret: with --to it is read from stdin, or asked for on a terminal, and never shown again. What comes in quiet hours and is still open
at their end is told in one message then.`,
  effect: "changes",
  atTerminal: "a model is told no secrets, and sends nothing to an address of its own",
  examples: [
    "notify --to < webhook.txt",
    "notify --least soon --quiet 22:00-07:00 --kind failed=always",
    "notify --off",
  ],
  args: {},
  options: {
    to: { type: "flag", about: "set the address" },
    format: { type: "text", about: "how it is told", choices: ["json", "slack", "ntfy"] },
    least: { type: "text", about: "the least urgent that is told", choices: ["now", "soon", "know"] },
    kind: { type: "texts", about: "KIND=always or KIND=never, whatever its level; may be given again", value: "RULE" },
    quiet: { type: "text", about: "hours in which nothing is told: 22:00-07:00, or none", value: "HOURS" },
    zone: { type: "text", about: "the zone of those hours (this machine's)", value: "ZONE" },
    off: { type: "flag", about: "nobody is told any more" },
  },
  run: async ({ to, format, least, kind, quiet, zone, off }, context) => {
    const { api, userPath } = context;
    const path = userPath("/notify");
    const known = await api.call<NotifyShown>("GET", path);
    const edit = {
      ...(to ? { url: await addressOf(context) } : {}),
      ...(off ? { url: null } : {}),
      ...(format === undefined ? {} : { format }),
      ...(least === undefined ? {} : { least }),
      ...(kind.length === 0 ? {} : { kinds: { ...known.kinds, ...Object.fromEntries(kind.map(kindOf)) } }),
      ...(quiet === undefined ? {} : { quiet: quietOf(quiet, zone) }),
    };
    const shown = Object.keys(edit).length === 0 ? known : await api.call<NotifyShown>("PUT", path, edit);
    return { data: shown, text: textOf(shown) };
  },
});

async function addressOf({ stdin, ask }: Context): Promise<string> {
  const piped = await stdin();
  const address = piped !== "" || ask === null ? piped : await ask("address: ", { isSecret: true });
  if (address.trim() === "") throw new Failure("misuse", "the address is empty: give it on stdin");
  return address.trim();
}
