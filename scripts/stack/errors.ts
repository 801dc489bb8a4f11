/** Something that the reader can mend; shown as its sentence, without a stack trace. */
export class StackError extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = "StackError";
  }
}

export { messageOf } from "../../src/events/message-of.ts";
