import { expect, test } from "vitest";
import { isSent, linkTo, type NotifySettings, requestFor } from "../../src/do/notify.ts";
import type { EffectOf } from "../../src/events/effects.ts";

/** An alert as Slack, ntfy and a program of one's own take it. */

const alert: EffectOf<"notify"> = {
  kind: "notify",
  key: "k",
  severity: "warning",
  title: "<!channel> & co",
  text: "bead <b> failed",
  beadId: "bead-1",
};
const link = "https://ticktown.example/rigs/r1/beads/bead-1";
const of = (settings: NotifySettings, over: Partial<typeof alert> = {}, to: string | null = link) =>
  requestFor(settings, { ...alert, ...over }, to);

test("a program of one's own gets the alert as it is, and the link", () => {
  expect(of({ url: "https://example.com/hook" })).toEqual({
    url: "https://example.com/hook",
    body: { ...alert, link },
  });
});

test("Slack gets text in which nothing is an order to it, and the link; its own address needs no setting", () => {
  const url = "https://hooks.slack.com/services/T/B/x";
  const text = `*&lt;!channel&gt; &amp; co*\nbead &lt;b&gt; failed\n<${link}|Open the board>`;
  expect(of({ url })).toEqual({ url, body: { text } });
  expect(of({ url: "http://127.0.0.1:1/hook", format: "slack" }).body).toEqual({ text });
  expect(of({ url }, {}, null).body).toEqual({ text: "*&lt;!channel&gt; &amp; co*\nbead &lt;b&gt; failed" });
  expect(JSON.stringify(of({ url }, { text: "x".repeat(100_000) }).body).length).toBeLessThan(3_200);
});

test("ntfy gets its JSON at the root, with the topic, how urgent it is and where a tap leads", () => {
  expect(of({ url: "https://ntfy.example/my-rigs", format: "ntfy" })).toEqual({
    url: "https://ntfy.example",
    body: {
      topic: "my-rigs",
      title: "<!channel> & co",
      message: "bead <b> failed",
      priority: 3,
      tags: ["warning"],
      click: link,
    },
  });
  const priorities = (["info", "warning", "critical"] as const).map(
    (severity) => of({ url: "https://n/t", format: "ntfy" }, { severity }).body,
  );
  expect(priorities).toMatchObject([{ priority: 2 }, { priority: 3 }, { priority: 5 }]);
  expect(of({ url: "https://n/t", format: "ntfy" }, { text: "" }, null).body).not.toHaveProperty("click");
});

test("what is less than the least is not sent, and a setting that is none is an error that names it", () => {
  const sent = (least?: string) =>
    (["info", "warning", "critical"] as const).map((severity) => isSent({ url: "x", least }, { ...alert, severity }));
  expect([sent(), sent(""), sent("info"), sent("warning"), sent("critical")]).toEqual([
    [true, true, true],
    [true, true, true],
    [true, true, true],
    [false, true, true],
    [false, false, true],
  ]);
  expect(() => isSent({ url: "x", least: "loud" }, alert)).toThrow('NOTIFY_LEAST is "loud"');
  expect(() => of({ url: "https://x", format: "teams" })).toThrow(
    'NOTIFY_FORMAT is "teams"; it must be json, slack, ntfy',
  );
});

test("the link leads to the bead on the board, or to the rig; without an address there is none", () => {
  expect(linkTo("https://ticktown.example/", "r1", alert)).toBe(link);
  expect(linkTo("https://ticktown.example", "r1", { ...alert, beadId: null })).toBe("https://ticktown.example/rigs/r1");
  expect([linkTo(undefined, "r1", alert), linkTo("nonsense", "r1", alert), linkTo("https://x", "", alert)]).toEqual([
    null,
    null,
    null,
  ]);
});
