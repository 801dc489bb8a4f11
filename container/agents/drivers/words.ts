/** Words come in crumbs; people read them in pieces. */
import { WORDS_EVENT_MAX_CHARS } from "../../limits.ts";

export interface Words {
  readonly add: (text: string) => void;
  readonly flush: () => void;
}

export function collectWords(tell: (text: string) => void): Words {
  let text = "";
  const flush = (): void => {
    const said = text;
    text = "";
    if (said.trim() !== "") tell(said);
  };
  return {
    add: (more) => {
      for (let at = 0; at < more.length; at += WORDS_EVENT_MAX_CHARS) {
        text += more.slice(at, at + WORDS_EVENT_MAX_CHARS);
        if (text.length >= WORDS_EVENT_MAX_CHARS) flush();
      }
    },
    flush,
  };
}
