import * as z from "zod";
import { AN, id, ofAgent, ofDispatch, TEXT, title } from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { fact } from "./row.ts";

/** Facts about mail. It is kept in rows; no chart moves on it. */
export const MAIL_FACTS = [
  fact(
    "mail.sent",
    { mailId: id, from: id, to: id, subject: title, body: z.string().max(LIMITS.mail_body_chars) },
    {
      to: [],
      kept: true,
      about: ({ to }) => [{ kind: "agent", id: to }],
      example: { mailId: "mail-x", from: "operator", to: AN.agentId, subject: TEXT, body: TEXT },
    },
  ),
  /** A dispatch has read letters: it does not get them again, and whether they were delivered shows when it makes progress. */
  fact(
    "mail.read",
    { ...ofDispatch, mailIds: z.array(id).max(LIMITS.undelivered_mail) },
    { to: [], kept: true, example: { agentId: AN.agentId, dispatchId: AN.dispatchId, mailIds: ["mail-x"] } },
  ),
  fact(
    "mail.delivered",
    { ...ofAgent, mailIds: z.array(id).max(LIMITS.undelivered_mail) },
    { to: [], kept: true, example: { agentId: AN.agentId, mailIds: ["mail-x"] } },
  ),
] as const;
