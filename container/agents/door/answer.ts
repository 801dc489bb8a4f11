/** Reads an answer of a model while it passes by: who answered, what it cost, and what went wrong. Changes nothing of it. */
import { StringDecoder } from "node:string_decoder";
import { MODEL_NAME_MAX_CHARS, MODEL_READ_MAX_BYTES, TOKENS_MAX } from "../../limits.ts";
import type { ModelApi } from "./routes.ts";

/** Integers. All of the prompt is in `input_tokens`; those of it that were in a cache are `cached_tokens`. */
export interface Tokens {
  readonly input_tokens: number;
  readonly cached_tokens: number;
  readonly output_tokens: number;
}

export interface AnswerRead {
  readonly model: string | null;
  /** null: the answer did not say. */
  readonly tokens: Tokens | null;
  /** Tokens of what it has said until now, by its length: where it was cut off, or says nothing of its cost, nobody knows better. */
  readonly said: number;
  /** An error inside of an answer that began well, as it was said. */
  readonly error: unknown;
}

export interface AnswerReader {
  readonly push: (chunk: Buffer) => void;
  /** What was said until now; also of an answer that was cut off. */
  readonly end: () => AnswerRead;
}

type Json = Readonly<Record<string, unknown>>;

export function createAnswerReader(api: ModelApi, isStream: boolean): AnswerReader {
  const seen: Seen = { model: null, numbers: null, error: null };
  const take = (text: string): void => {
    for (const one of parsed(text)) fold(api, seen, one);
  };
  let said = 0;
  const count = (text: string): void => {
    said += tokensIn(wordsOf(text));
  };
  let bytes = 0;
  const { push, end } = isStream ? eventReader(take, count) : wholeReader(take);
  return {
    push: (chunk) => {
      bytes += chunk.length;
      push(chunk);
    },
    end: () => {
      end();
      const tokens = seen.numbers && tokensOf(api, seen.numbers);
      return { model: seen.model, tokens, said: isStream ? said : tokensIn(bytes), error: seen.error };
    },
  };
}

/** How many tokens as much text is, about. */
export const tokensIn = (length: number): number => Math.ceil(length / CHARS_OF_TOKEN);
const CHARS_OF_TOKEN = 4;

/** In an event of any of the APIs: what the model says, thinks, or asks a tool for. */
const WORDS =
  /"(?:text|thinking|partial_json|content|delta|arguments|reasoning|reasoning_content)"\s*:\s*"((?:[^"\\]|\\.)*)"/g;
function wordsOf(event: string): number {
  let length = 0;
  for (const [, words = ""] of event.matchAll(WORDS)) length += words.length;
  return length;
}

interface Seen {
  model: string | null;
  numbers: Json | null;
  error: unknown;
}

/** An answer that is one JSON text. */
function wholeReader(take: (text: string) => void): { push: (chunk: Buffer) => void; end: () => void } {
  let chunks: Buffer[] | null = [];
  let size = 0;
  return {
    push: (chunk) => {
      size += chunk.length;
      if (size > MODEL_READ_MAX_BYTES) chunks = null;
      chunks?.push(chunk);
    },
    end: () => {
      if (chunks !== null && size > 0) take(Buffer.concat(chunks).toString());
      chunks = null;
    },
  };
}

/** Most events are some more words of the answer; only these are parsed. */
const WORTH_READING = /"(usage|usageMetadata|error|message_start|response\.(?:completed|incomplete|failed))"/;

/** Server-sent events, however they are cut into chunks. */
function eventReader(
  take: (text: string) => void,
  count: (text: string) => void,
): { push: (chunk: Buffer) => void; end: () => void } {
  const decoder = new StringDecoder("utf8");
  /** The beginning of a line, in pieces, and the lines of the event until now. */
  let pieces: string[] = [];
  let data: string[] = [];
  let size = 0;

  /** Of an event that is too large nothing is kept, and nothing is read. */
  const keep = (list: string[], text: string): void => {
    size += text.length;
    if (size <= MODEL_READ_MAX_BYTES) list.push(text);
    else [pieces, data] = [[], []];
  };
  const endEvent = (): void => {
    const text = data.join("\n");
    data = [];
    size = 0;
    if (WORTH_READING.test(text)) take(text);
    count(text);
  };
  const endLine = (rest: string): void => {
    const line = [...pieces, rest].join("").replace(/\r$/, "");
    pieces = [];
    if (line === "") return endEvent();
    if (line.startsWith("data:")) keep(data, line.slice(line[5] === " " ? 6 : 5));
  };
  const read = (text: string): void => {
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      endLine(text.slice(from, at));
      from = at + 1;
    }
    if (from < text.length) keep(pieces, text.slice(from));
  };
  return { push: (chunk) => read(decoder.write(chunk)), end: () => read(`${decoder.end()}\n\n`) };
}

/** What is no JSON says nothing. Gemini's stream without events is a list. */
function parsed(text: string): Json[] {
  try {
    const value: unknown = JSON.parse(text);
    return (Array.isArray(value) ? value : [value]).filter(isObject);
  } catch {
    return [];
  }
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;

function fold(api: ModelApi, seen: Seen, said: Json): void {
  // Anthropic's first event and OpenAI's last one carry the answer inside.
  const inside = said["type"] === "message_start" ? said["message"] : said["response"];
  const answer = isObject(inside) ? inside : said;
  const model = answer["model"] ?? answer["modelVersion"];
  if (typeof model === "string" && model !== "") seen.model = model.slice(0, MODEL_NAME_MAX_CHARS);
  const numbers = answer[api === "gemini" ? "usageMetadata" : "usage"];
  // Later ones are of the whole answer until then, and leave out what has not changed.
  if (isObject(numbers)) seen.numbers = { ...seen.numbers, ...withoutNulls(numbers) };
  const error = answer["error"];
  if (isObject(error)) seen.error = error;
}

const withoutNulls = (numbers: Json): Json =>
  Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== null));

function tokensOf(api: ModelApi, said: Json): Tokens {
  const sum = (...names: string[]): number => names.reduce((total, name) => total + count(said[name]), 0);
  const within = (name: string): number => {
    const details = said[name];
    return isObject(details) ? count(details["cached_tokens"]) : 0;
  };
  switch (api) {
    case "messages":
      return {
        input_tokens: sum("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        cached_tokens: sum("cache_read_input_tokens"),
        output_tokens: sum("output_tokens"),
      };
    case "responses":
      return {
        input_tokens: sum("input_tokens"),
        cached_tokens: within("input_tokens_details"),
        output_tokens: sum("output_tokens"),
      };
    case "chat":
      return {
        input_tokens: sum("prompt_tokens"),
        cached_tokens: within("prompt_tokens_details"),
        output_tokens: sum("completion_tokens"),
      };
    case "gemini":
      return {
        input_tokens: sum("promptTokenCount", "toolUsePromptTokenCount"),
        cached_tokens: sum("cachedContentTokenCount"),
        output_tokens: sum("candidatesTokenCount", "thoughtsTokenCount"),
      };
  }
}

/** Whatever else is said is no number of tokens. */
const count = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.min(Math.max(Math.round(value), 0), TOKENS_MAX) : 0;

/** A string of the outermost object, from the beginning of a JSON text, or null: it is not there, or not so early. */
export function outermostString(head: string, name: string): string | null {
  let depth = 0;
  const word = /"((?:[^"\\]|\\.)*)"|[{}[\]]/g;
  for (let found = word.exec(head); found !== null; found = word.exec(head)) {
    const [sign, text] = found;
    if (sign === "{" || sign === "[") depth += 1;
    if (sign === "}" || sign === "]") depth -= 1;
    if (depth !== 1 || text !== name) continue;
    const value = /^\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(head.slice(word.lastIndex));
    if (value !== null) return value[1] ?? null;
  }
  return null;
}
