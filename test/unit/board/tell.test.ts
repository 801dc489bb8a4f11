import { beforeEach, describe, expect, test, vi } from "vitest";

/** Who does not look is told: once, and only in the ways that this browser was asked for. */

const kept = new Map<string, string>();
let sounds = 0;
const notes: string[] = [];
const page = { visibilityState: "hidden", title: "", querySelector: () => null };

beforeEach(() => {
  vi.resetModules();
  kept.clear();
  notes.length = 0;
  sounds = 0;
  const value = { setValueAtTime: () => {}, exponentialRampToValueAtTime: () => {} };
  const node = () => ({ connect: () => {}, start: () => {}, stop: () => {}, gain: value, frequency: { value: 0 } });
  vi.stubGlobal("location", new URL("http://here/"));
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("document", page);
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, text: string) => kept.set(name, text),
  });
  vi.stubGlobal(
    "AudioContext",
    class {
      currentTime = 0;
      constructor() {
        sounds++;
      }
      createGain = node;
      createOscillator = node;
      close = () => Promise.resolve();
    },
  );
  vi.stubGlobal(
    "Notification",
    class {
      static permission = "granted";
      constructor(title: string) {
        notes.push(title);
      }
      addEventListener() {}
    },
  );
  page.visibilityState = "hidden";
});

const need = (key: string) => ({ of: "r", key, title: `Need ${key}`, text: "", to: "/" });

/** A page that has seen one need, then sees another one. */
async function sees(wishes: { notify: boolean; sound: boolean }): Promise<void> {
  const { tell, wish } = await import("../../../dashboard/src/lib/tell.ts");
  wish(wishes);
  tell("r", [need("old")]);
  tell("r", [need("old"), need("new")]);
  await Promise.resolve();
  await Promise.resolve();
}

describe("a need that is new", () => {
  test.each([
    [{ notify: true, sound: true }, ["Need new"], 1],
    [{ notify: true, sound: false }, ["Need new"], 0],
    [{ notify: false, sound: true }, [], 1],
    [{ notify: false, sound: false }, [], 0],
  ])("with %o is told so, and the one that was there is not", async (wishes, shown, heard) => {
    await sees(wishes);
    await vi.waitFor(() => expect([notes, sounds]).toEqual([shown, heard]));
  });

  test("is not told to whoever looks at the page, nor again by another tab of this browser", async () => {
    page.visibilityState = "visible";
    await sees({ notify: true, sound: true });
    expect([notes, sounds]).toEqual([[], 0]);
    page.visibilityState = "hidden";
    vi.resetModules();
    await sees({ notify: true, sound: true });
    vi.resetModules();
    await sees({ notify: true, sound: true });
    await vi.waitFor(() => expect([notes, sounds]).toEqual([["Need new"], 1]));
  });

  test("counts in the tab's title, also before anybody looks away", async () => {
    page.visibilityState = "visible";
    await sees({ notify: false, sound: false });
    expect(page.title).toMatch(/^\(2\) /);
  });
});
