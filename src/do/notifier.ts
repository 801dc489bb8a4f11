import type * as z from "zod";
import { messageOf } from "../events/message-of.ts";
import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Level } from "../events/needs.ts";
import type { NotifyEdit, NotifyShown } from "../wire/notify.ts";
import type { RigDigest } from "../wire/overview.ts";
import type { Env } from "./env.ts";
import { addressRefusal, callWebhook, linkTo, requestFor } from "./notify.ts";
import { giveBack, nextNotice, noteNeeds, takeDue, type Notice } from "./notices.ts";
import type { Sql } from "./ports.ts";
import { iso } from "./shapes.ts";

/** Tells a user of needs, at the address that was set, which is kept here and shown to nobody. */

type Settings = Required<z.infer<typeof NotifyEdit>>;
const NONE: Settings = { url: null, format: null, least: "now", kinds: {}, quiet: null };
const SEVERITY = { now: "critical", soon: "warning", know: "info" } as const satisfies Record<Level, string>;
const LISTED = 20;

export class Notifier {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
  }

  get #sql(): Sql {
    return this.#ctx.storage.sql as Sql;
  }
  #read<T>(name: string, fallback: T): T {
    const row = this.#sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = ?", name).toArray()[0];
    return row === undefined ? fallback : { ...fallback, ...(JSON.parse(row.value) as T) };
  }
  #write(name: string, value: unknown): void {
    this.#sql.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, JSON.stringify(value));
  }
  get #settings(): Settings {
    return this.#read("notify", NONE);
  }

  shown(): NotifyShown {
    const { url, ...rules } = this.#settings;
    const { error } = this.#read<{ error: NotifyShown["error"] }>("notify_error", { error: null });
    return { host: url === null ? null : new URL(url).host, ...rules, error };
  }

  /** @returns why it is refused, or null */
  set(edit: NotifyEdit): string | null {
    const refusal = edit.url == null ? null : addressRefusal(edit.url, this.#env.NOTIFY_ALLOW_LOCAL === "1");
    if (refusal !== null) return refusal;
    this.#write("notify", { ...this.#settings, ...edit });
    this.#write("notify_error", { error: null });
    if (this.#settings.url === null) this.#sql.exec("DELETE FROM notices");
    this.#wake();
    return null;
  }

  /** What a rig has just said. */
  hear(rigId: string, { state, needs }: RigDigest): void {
    const settings = this.#settings;
    if (settings.url === null) return;
    const { now, soon, know } = state.needs;
    noteNeeds(this.#sql, settings, { rigId, needs, isAll: needs.length === now + soon + know, now: Date.now() });
    this.#wake();
  }

  /** Sends what is due, and rings again when there is more. */
  async ring(): Promise<void> {
    const settings = this.#settings;
    if (settings.url === null) return;
    const messages = this.#ctx.storage.transactionSync(() => takeDue(this.#sql, settings, Date.now()));
    await Promise.all(messages.map((notices) => this.#send(settings, settings.url ?? "", notices)));
    this.#wake();
  }

  #wake(): void {
    const next = nextNotice(this.#sql);
    if (next !== null) void this.#ctx.storage.setAlarm(Math.max(next, Date.now()));
  }

  async #send({ format }: Settings, url: string, notices: readonly Notice[]): Promise<void> {
    try {
      await callWebhook(
        requestFor({ url, format: format ?? undefined }, this.#alertOf(notices), this.#linkOf(notices)),
      );
    } catch (error) {
      // Nobody knows whether what took too long has arrived: told twice is worse than told late on the board.
      const isUnknown = error instanceof Error && error.name === "TimeoutError";
      const isTriedAgain = !isUnknown && giveBack(this.#sql, notices, Date.now());
      // The address is not in it.
      const text = clip(messageOf(error).replaceAll(url, "the address"));
      this.#write("notify_error", { error: { at: iso(Date.now()), text } });
      console.error(
        JSON.stringify({ level: "error", message: "somebody could not be told of needs", text, isTriedAgain }),
      );
    }
  }

  #nameOf(rigId: string): string {
    return this.#sql.exec<{ name: string }>("SELECT name FROM rigs WHERE id = ?", rigId).toArray()[0]?.name ?? rigId;
  }

  #alertOf(notices: readonly Notice[]): Parameters<typeof requestFor>[1] {
    const [first] = notices as readonly [Notice];
    const line = ({ rig_id, need }: Notice): string => `${this.#nameOf(rig_id)}: ${need.title}`;
    const worst = notices.some(({ need }) => need.level === "now") ? "now" : first.need.level;
    const listed = notices.slice(0, LISTED).map((notice) => `- ${line(notice)}`);
    const more = notices.length > LISTED ? [`and ${notices.length - LISTED} more`] : [];
    return {
      kind: "notify",
      key: notices.length === 1 ? `${first.rig_id}:${first.key}` : "needs",
      severity: SEVERITY[worst],
      title: notices.length === 1 ? line(first) : `${notices.length} need you`,
      text: clip(notices.length === 1 ? first.need.text : [...listed, ...more].join("\n"), LIMITS.need_text_chars),
      beadId: notices.length === 1 ? (first.need.bead?.id ?? null) : null,
    };
  }

  #linkOf(notices: readonly Notice[]): string | null {
    const [first] = notices as readonly [Notice];
    return linkTo(this.#env.GASTOWN_API_URL, first.rig_id, {
      beadId: notices.length === 1 ? (first.need.bead?.id ?? null) : null,
    });
  }
}
