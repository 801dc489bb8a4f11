import { type Api, type Json, list, textIn, turnsIn } from "./api.ts";

/** Anthropic Messages. */
export const anthropic: Api = {
  name: "messages",
  path: /\/v1\/messages$/,
  namesEvents: true,
  hear: (body) => {
    const messages = list(body["messages"]);
    return {
      model: String(body["model"]),
      isStream: body["stream"] === true,
      spoken: turnsIn(messages.map(({ role }) => role === "assistant")),
      offered: list(body["tools"]).map(({ name }) => ({ name: String(name) })),
      last: textIn(messages.at(-1)?.["content"]),
    };
  },
  whole: (said) => ({
    id: said.id,
    type: "message",
    role: "assistant",
    model: said.model,
    content: blocksOf(said.text, said.calls),
    stop_reason: said.calls.length > 0 ? "tool_use" : "end_turn",
    stop_sequence: null,
    usage: usageOf(said.tokens, said.tokens.output),
  }),
  events: (said) => {
    const message = { ...(anthropic.whole(said) as Json), content: [], stop_reason: null };
    const blocks = blocksOf(said.text, said.calls).flatMap((block, index) => {
      const isText = block["type"] === "text";
      const delta = isText
        ? { type: "text_delta", text: block["text"] }
        : { type: "input_json_delta", partial_json: JSON.stringify(block["input"]) };
      return [
        {
          type: "content_block_start",
          index,
          content_block: isText ? { type: "text", text: "" } : { ...block, input: {} },
        },
        { type: "content_block_delta", index, delta },
        { type: "content_block_stop", index },
      ];
    });
    return [
      { type: "message_start", message: { ...message, usage: usageOf(said.tokens, 1) } },
      ...blocks,
      {
        type: "message_delta",
        delta: { stop_reason: said.calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
        usage: { output_tokens: said.tokens.output },
      },
      { type: "message_stop" },
    ];
  },
  failure: ({ type, message }) => ({ type: "error", error: { type, message } }),
};

const usageOf = ({ input, cached }: { input: number; cached: number }, output: number): Json => ({
  input_tokens: input - cached,
  cache_read_input_tokens: cached,
  cache_creation_input_tokens: 0,
  output_tokens: output,
});

const blocksOf = (text: string, calls: readonly { id: string; name: string; args: object }[]): Json[] => [
  ...(text === "" ? [] : [{ type: "text", text }]),
  ...calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args })),
];
