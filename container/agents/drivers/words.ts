/** Words come in crumbs; people read them in pieces. */
import { WORDS_EVENT_MAX_CHARS } from "../../limits.ts";

export interface Words {
  readonly add: (text: string) => void;
  /** More may come: a word that has no end yet is kept, so that no secret is told in two halves that nobody recognises. */
  readonly tellSoFar: () => void;
  /** What was said is over. */
  readonly flush: () => void;
}

export function collectWords(tell: (text: string) => void): Words {
  let text = "";
  const say = (chars: number): void => {
    const said = text.slice(0, chars);
    text = text.slice(chars);
    if (said.trim() !== "") tell(said);
  };
  const tellSoFar = (): void => {
    const last = text.slice(-WORDS_EVENT_MAX_CHARS);
    const unended = /\S*$/.exec(last)?.[0].length ?? 0;
    say(unended >= WORDS_EVENT_MAX_CHARS ? text.length : text.length - unended);
  };
  return {
    add: (more) => {
      for (let at = 0; at < more.length; at += WORDS_EVENT_MAX_CHARS) {
        text += more.slice(at, at + WORDS_EVENT_MAX_CHARS);
        if (text.length >= WORDS_EVENT_MAX_CHARS) tellSoFar();
      }
    },
    tellSoFar,
    flush: () => say(text.length),
  };
}
