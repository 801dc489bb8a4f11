import { type Api, type Json, list, textIn, turnsIn } from "./api.ts";

const STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  429: "RESOURCE_EXHAUSTED",
};

/** Gemini's generateContent and streamGenerateContent. */
export const gemini: Api = {
  name: "gemini",
  path: /\/v1(?:beta)?\/models\/[\w.-]+:(?:streamGenerateContent|generateContent)$/,
  namesEvents: false,
  hear: (body, path) => {
    const contents = list(body["contents"]);
    return {
      model: /models\/([\w.-]+):/.exec(path)?.[1] ?? "unknown",
      isStream: path.includes(":stream"),
      spoken: turnsIn(contents.map(({ role }) => role === "model")),
      offered: list(body["tools"]).flatMap((tool) =>
        list(tool["functionDeclarations"]).map(({ name }) => ({ name: String(name) })),
      ),
      last: textIn(contents.at(-1)?.["parts"]),
    };
  },
  whole: ({ id, model, text, calls, tokens }) => ({
    candidates: [
      {
        index: 0,
        content: {
          role: "model",
          parts: [
            ...(text === "" ? [] : [{ text }]),
            ...calls.map((call) => ({ functionCall: { id: call.id, name: call.name, args: call.args } })),
          ],
        },
        finishReason: "STOP",
      },
    ],
    usageMetadata: {
      promptTokenCount: tokens.input,
      cachedContentTokenCount: tokens.cached,
      candidatesTokenCount: tokens.output,
      totalTokenCount: tokens.input + tokens.output,
    },
    modelVersion: model,
    responseId: id,
  }),
  events: (said) => [gemini.whole(said) as Json],
  failure: ({ status, message }) => ({ error: { code: status, message, status: STATUS[status] ?? "UNAVAILABLE" } }),
};
