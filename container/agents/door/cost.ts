/** What an answer has cost whose provider has not said it: it is paid for as well, whoever has cut it off. */
import { MODEL_INPUT_GUESS_MAX } from "../../limits.ts";
import { type AnswerRead, type Tokens, tokensIn } from "./answer.ts";

/** How much was sent of a request until now. */
export interface Asked {
  bytes: number;
}

/** A request that was sent, and of whose answer nobody has waited for a word. A picture is longer than what it costs, so that there is a most. */
export const askedFor = ({ bytes }: Asked): Tokens => ({
  input_tokens: Math.min(tokensIn(bytes), MODEL_INPUT_GUESS_MAX),
  cached_tokens: 0,
  output_tokens: 0,
});

/**
 * As its provider has said, or at least what was asked and what was said until it was cut off: some providers tell it at the end, and some only
 * who asks for it.
 * @param isWhole it was heard to its end
 */
export function costOf({ tokens, said }: AnswerRead, asked: Asked, isWhole: boolean): Tokens {
  if (tokens !== null && isWhole) return tokens;
  const known = tokens ?? askedFor(asked);
  return { ...known, output_tokens: Math.max(known.output_tokens, said) };
}
