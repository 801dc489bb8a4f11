import { type Api, type Call, type Json, type Said, type Tokens, list, textIn, turnsIn } from "./api.ts";

const failure: Api["failure"] = ({ type, message }) => ({ error: { message, type, param: null, code: type } });

/** OpenAI Responses. */
export const responses: Api = {
  name: "responses",
  path: /\/responses$/,
  namesEvents: true,
  failure,
  hear: (body) => {
    const items = typeof body["input"] === "string" ? [{ role: "user", content: body["input"] }] : list(body["input"]);
    return {
      model: String(body["model"]),
      isStream: body["stream"] === true,
      spoken: turnsIn(items.map(isModels)),
      offered: list(body["tools"]).flatMap((tool) =>
        tool["type"] === "namespace"
          ? list(tool["tools"]).map(({ name }) => ({ name: String(name), group: String(tool["name"]) }))
          : [{ name: String(tool["name"] ?? tool["type"]) }],
      ),
      last: textIn(items.at(-1)),
    };
  },
  whole: (said) => responseOf(said, "completed"),
  events: (said) => {
    const output = outputOf(said);
    const items = output.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item: begunOf(item) },
      ...spokenOf(item, output_index, said),
      { type: "response.output_item.done", output_index, item },
    ]);
    const all: Json[] = [
      { type: "response.created", response: { ...responseOf(said, "in_progress"), output: [], usage: null } },
      ...items,
      { type: "response.completed", response: responseOf(said, "completed") },
    ];
    return all.map((event, sequence_number) => ({ ...event, sequence_number }));
  },
};

const MODELS = new Set(["function_call", "custom_tool_call", "local_shell_call", "reasoning"]);
const isModels = ({ role, type }: Json): boolean => role === "assistant" || MODELS.has(String(type));

const outputOf = ({ id, text, calls }: Said): Json[] => [
  ...(text === ""
    ? []
    : [
        {
          type: "message",
          id: `msg_${id}`,
          status: "completed",
          role: "assistant",
          content: [{ type: "output_text", text, annotations: [] }],
        },
      ]),
  ...calls.map((call) => ({
    type: "function_call",
    id: `fc_${call.id}`,
    call_id: call.id,
    status: "completed",
    name: call.name,
    ...(call.group === undefined ? {} : { namespace: call.group }),
    arguments: JSON.stringify(call.args),
  })),
];

const begunOf = (item: Json): Json =>
  item["type"] === "message"
    ? { ...item, status: "in_progress", content: [] }
    : { ...item, status: "in_progress", arguments: "" };

const spokenOf = (item: Json, output_index: number, { text }: Said): Json[] =>
  item["type"] === "message"
    ? [
        { type: "response.output_text.delta", item_id: item["id"], output_index, content_index: 0, delta: text },
        { type: "response.output_text.done", item_id: item["id"], output_index, content_index: 0, text },
      ]
    : [
        {
          type: "response.function_call_arguments.done",
          item_id: item["id"],
          output_index,
          arguments: item["arguments"],
        },
      ];

const responseOf = (said: Said, status: string): Json => ({
  id: `resp_${said.id}`,
  object: "response",
  created_at: 1_795_000_000,
  model: said.model,
  status,
  output: outputOf(said),
  parallel_tool_calls: true,
  tools: [],
  usage: {
    input_tokens: said.tokens.input,
    input_tokens_details: { cached_tokens: said.tokens.cached },
    output_tokens: said.tokens.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: said.tokens.input + said.tokens.output,
  },
});

/** OpenAI Chat Completions. */
export const chat: Api = {
  name: "chat",
  path: /\/chat\/completions$/,
  namesEvents: false,
  epilogue: "[DONE]",
  failure,
  hear: (body) => {
    const messages = list(body["messages"]);
    return {
      model: String(body["model"]),
      isStream: body["stream"] === true,
      spoken: turnsIn(messages.map(({ role }) => role === "assistant")),
      offered: list(body["tools"]).map((tool) => ({ name: String((tool["function"] as Json | undefined)?.["name"]) })),
      last: textIn(messages.at(-1)?.["content"]),
    };
  },
  whole: (said) => ({
    ...headOf(said),
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: said.text,
          ...(said.calls.length === 0 ? {} : { tool_calls: callsOf(said.calls) }),
        },
        finish_reason: endOf(said),
      },
    ],
    usage: chatUsage(said.tokens),
  }),
  events: (said) => {
    const chunk = (delta: Json, finish_reason: string | null = null, more: Json = {}): Json => ({
      ...headOf(said),
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, finish_reason }],
      ...more,
    });
    return [
      chunk({ role: "assistant", content: said.text }),
      ...callsOf(said.calls).map((call) => chunk({ tool_calls: [call] })),
      chunk({}, endOf(said), { usage: chatUsage(said.tokens) }),
    ];
  },
};

const headOf = ({ id, model }: Said): Json => ({ id: `chatcmpl-${id}`, created: 1_795_000_000, model });
const endOf = ({ calls }: Said): string => (calls.length > 0 ? "tool_calls" : "stop");
const callsOf = (calls: readonly Call[]): Json[] =>
  calls.map(({ id, name, args }, index) => ({
    index,
    id,
    type: "function",
    function: { name, arguments: JSON.stringify(args) },
  }));
const chatUsage = ({ input, cached, output }: Tokens): Json => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached },
});
