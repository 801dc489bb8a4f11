import type { EffectOf } from "../events/effects.ts";
import { clip } from "../events/facts.ts";

/** An alert as the place takes it that it is sent to. */

export const NOTIFY_FORMATS = ["json", "slack", "ntfy"] as const;
export type NotifyFormat = (typeof NOTIFY_FORMATS)[number];

type Alert = EffectOf<"notify">;
const SEVERITIES = ["info", "warning", "critical"] as const satisfies readonly Alert["severity"][];

/** Where alerts go, as it is set: `NOTIFY_WEBHOOK_URL`, `NOTIFY_FORMAT`, `NOTIFY_LEAST`. */
export interface NotifySettings {
  readonly url: string;
  /** Without it: Slack's own addresses are spoken to as Slack takes it, all others in JSON. */
  readonly format?: string | undefined;
  /** The least that is sent; all alerts are in the log. */
  readonly least?: string | undefined;
}

/** What ntfy calls 3 is its default. */
const PRIORITIES: Readonly<Record<Alert["severity"], number>> = { info: 2, warning: 3, critical: 5 };
const SLACK_SECTION_CHARS = 2_900;

/** Slack reads these three as its own. */
const forSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function formatOf({ url, format }: NotifySettings): NotifyFormat {
  if (format === undefined || format === "") return URL.parse(url)?.hostname === "hooks.slack.com" ? "slack" : "json";
  const found = NOTIFY_FORMATS.find((one) => one === format);
  if (found === undefined) throw new Error(`NOTIFY_FORMAT is "${format}"; it must be ${NOTIFY_FORMATS.join(", ")}`);
  return found;
}

/** Whether it is sent at all. @throws Error for a setting that is none */
export function isSent({ least }: NotifySettings, { severity }: Alert): boolean {
  if (least === undefined || least === "") return true;
  const at = SEVERITIES.findIndex((one) => one === least);
  if (at < 0) throw new Error(`NOTIFY_LEAST is "${least}"; it must be ${SEVERITIES.join(", ")}`);
  return SEVERITIES.indexOf(severity) >= at;
}

/**
 * @param link to what it is about on the board; null: nobody knows the board's address
 * @throws Error for a setting that is none
 */
export function requestFor(
  settings: NotifySettings,
  alert: Alert,
  link: string | null,
): { readonly url: string; readonly body: unknown } {
  const { url } = settings;
  const { title, text, severity } = alert;
  switch (formatOf(settings)) {
    case "json":
      return { url, body: { ...alert, link } };
    case "slack": {
      const more = link === null ? "" : `\n<${link}|Open the board>`;
      return { url, body: { text: `*${forSlack(title)}*\n${clip(forSlack(text), SLACK_SECTION_CHARS)}${more}` } };
    }
    case "ntfy": {
      // Its JSON goes to the root, and names the topic.
      const { origin, pathname } = new URL(url);
      const topic = pathname.split("/").findLast((part) => part !== "") ?? "";
      const click = link === null ? {} : { click: link };
      return {
        url: origin,
        body: { topic, title, message: text || title, priority: PRIORITIES[severity], tags: [severity], ...click },
      };
    }
  }
}

/** Where the board shows it. @param api where the API answers, which serves the board as well */
export function linkTo(api: string | undefined, rigId: string, { beadId }: Pick<Alert, "beadId">): string | null {
  const base = URL.parse(api ?? "");
  if (base === null || rigId === "") return null;
  const rig = `/rigs/${encodeURIComponent(rigId)}`;
  base.pathname = beadId === null ? rig : `${rig}/beads/${encodeURIComponent(beadId)}`;
  return base.href;
}

const WEBHOOK_MS = 10_000;

/**
 * What leads into the machine or the network that Ticktown runs in: loopback, private and link-local addresses, the clouds' metadata, and names that are
 * no public ones. A URL has its host in one form already, whatever form of an address was typed.
 */
const LOCAL =
  /^(localhost|.*\.(localhost|local|internal|home\.arpa)|[^.:]+|0\..*|10\..*|127\..*|169\.254\..*|192\.168\..*|172\.(1[6-9]|2\d|3[01])\..*|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\..*|\[.*\])\.?$/i;

/** @returns why nothing may be sent there, or null */
export function addressRefusal(url: string, mayBeLocal: boolean): string | null {
  const { protocol, hostname, username, password } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return "the address must begin with https:// or http://";
  if (username !== "" || password !== "") return "the address may hold no user and no password";
  if (mayBeLocal) return null;
  if (LOCAL.test(hostname)) return `${hostname} is within the machine or its network; NOTIFY_ALLOW_LOCAL=1 allows that`;
  return protocol === "https:" ? null : "the address must begin with https://; NOTIFY_ALLOW_LOCAL=1 allows http://";
}

/**
 * Follows no redirect: it could lead anywhere.
 * @throws Error when the webhook does not say that it took it
 */
export async function callWebhook({ url, body }: ReturnType<typeof requestFor>): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(WEBHOOK_MS),
  });
  await response.body?.cancel();
  if (response.status >= 300 && response.status < 400)
    throw new Error(`the webhook redirects (HTTP ${response.status}); name the address that it leads to`);
  if (!response.ok) throw new Error(`the webhook answered HTTP ${response.status}`);
}
