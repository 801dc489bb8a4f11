import { Modal, Select, Textarea, TextInput } from "@mantine/core";
import { createContext, useContext, useMemo, useState, type ReactNode } from "react";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import * as actions from "../lib/actions.ts";
import { agentName, beadTitle } from "../lib/names.ts";
import { setParams } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { ActionForm } from "./action-form.tsx";
import { Edit, Hold, Move, Revert } from "./work-dialogs.tsx";

/** Forms and confirmations. What is asked here is done nowhere else. */
export type Dialog =
  | { readonly type: "sling"; readonly title?: string; readonly body?: string }
  | { readonly type: "mail"; readonly to: string | null }
  | { readonly type: "hook"; readonly agentId: string | null; readonly beadId: string | null }
  | { readonly type: "move"; readonly agent: AgentSnapshot }
  | { readonly type: "hold"; readonly agent: AgentSnapshot }
  | { readonly type: "edit"; readonly beadId: string; readonly body: string }
  | { readonly type: "revert"; readonly beadId: string }
  | { readonly type: "unblock"; readonly agent: AgentSnapshot; readonly escalationId: string | null }
  | {
      readonly type: "confirm";
      readonly title: string;
      readonly text: string;
      readonly yes: string;
      readonly isGrave: boolean;
      readonly doing: () => Promise<actions.Done>;
      readonly failed: string;
    };

const DialogContext = createContext<(dialog: Dialog) => void>(() => {});
export const useDialog = (): ((dialog: Dialog) => void) => useContext(DialogContext);

const TITLE = {
  sling: "Sling work",
  mail: "Write to an agent",
  hook: "Hook a bead to an agent",
  unblock: "Answer",
  move: "Move the work to another agent",
  hold: "Hold an agent",
  edit: "Edit",
  revert: "Take it back from the target",
} as const;

export function DialogProvider({ children }: { children: ReactNode }) {
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const close = () => setDialog(null);
  return (
    <DialogContext.Provider value={setDialog}>
      {children}
      <Modal
        opened={dialog !== null}
        onClose={close}
        title={dialog === null ? "" : dialog.type === "confirm" ? dialog.title : TITLE[dialog.type]}
        size="lg"
        radius="md"
        zIndex={250}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {dialog?.type === "sling" && <Sling title={dialog.title ?? ""} body={dialog.body ?? ""} close={close} />}
        {dialog?.type === "mail" && <Mail to={dialog.to} close={close} />}
        {dialog?.type === "hook" && <Hook agentId={dialog.agentId} beadId={dialog.beadId} close={close} />}
        {dialog?.type === "move" && <Move agent={dialog.agent} close={close} />}
        {dialog?.type === "hold" && <Hold agent={dialog.agent} close={close} />}
        {dialog?.type === "edit" && <Edit beadId={dialog.beadId} body={dialog.body} close={close} />}
        {dialog?.type === "revert" && <Revert beadId={dialog.beadId} close={close} />}
        {dialog?.type === "unblock" && (
          <Unblock agent={dialog.agent} escalationId={dialog.escalationId} close={close} />
        )}
        {dialog?.type === "confirm" && <Confirm dialog={dialog} close={close} />}
      </Modal>
    </DialogContext.Provider>
  );
}

const PRIORITIES = [
  { value: "low", label: "low" },
  { value: "medium", label: "medium" },
  { value: "high", label: "high" },
  { value: "critical", label: "critical" },
];

function Sling({ title: firstTitle, body: firstBody, close }: { title: string; body: string; close: () => void }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const [title, setTitle] = useState(firstTitle);
  const [body, setBody] = useState(firstBody);
  const [priority, setPriority] = useState<actions.SlingInput["priority"]>("medium");
  const [blocker, setBlocker] = useState<string | null>(null);
  const blockers = useMemo(
    () =>
      [...world.beads.values()]
        .filter((bead) => bead.context.type === "issue" && !bead.hasTag("terminal"))
        .map((bead) => ({ value: bead.context.id, label: beadTitle(state.content, bead.context.id) })),
    [world, state.content, state.version],
  );
  const doing = async () => {
    const input = { title: title.trim(), body, priority, blocked_by: blocker === null ? [] : [blocker] };
    const done = await (blocker === null ? actions.sling : actions.queue)(rigId, input);
    setParams({ show: `bead:${done.beadId}` });
    return done;
  };
  return (
    <ActionForm
      yes="Sling it"
      failed="The bead was not slung"
      doing={doing}
      close={close}
      isReady={title.trim() !== ""}
    >
      <TextInput
        data-autofocus
        label="What is to be done"
        placeholder="Make the README's install section work on a fresh machine"
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        maxLength={1_000}
        required
      />
      <Textarea
        label="What the agent should know"
        description="Becomes part of its prompt."
        value={body}
        onChange={(event) => setBody(event.currentTarget.value)}
        autosize
        minRows={4}
        maxRows={14}
      />
      <div className="row wrap" style={{ alignItems: "flex-end" }}>
        <Select
          label="Priority"
          data={PRIORITIES}
          value={priority}
          onChange={(value) => setPriority((value ?? "medium") as actions.SlingInput["priority"])}
          allowDeselect={false}
          w={140}
        />
        {blockers.length > 0 && (
          <Select
            label="Only after (optional)"
            placeholder="nothing"
            data={blockers}
            value={blocker}
            onChange={setBlocker}
            searchable
            clearable
            limit={30}
            style={{ flex: 1, minWidth: 200 }}
            clearButtonProps={{ "aria-label": "Clear" }}
          />
        )}
      </div>
    </ActionForm>
  );
}

function Mail({ to: first, close }: { to: string | null; close: () => void }) {
  const { rigId } = useStore();
  const { world } = useWorld();
  const [to, setTo] = useState(first);
  const [subject, setSubject] = useState("");
  const [body, setBody] = useState("");
  const agents = [...world.agents.values()].map(({ context }) => ({
    value: context.id,
    label: `${context.name} (${context.role})`,
  }));
  return (
    <ActionForm
      yes="Send"
      failed="The mail was not sent"
      doing={() => actions.sendMail(rigId, to ?? "", agentName(world, to), subject, body)}
      close={close}
      isReady={to !== null && subject.trim() !== "" && body.trim() !== ""}
    >
      <Select label="To" data={agents} value={to} onChange={setTo} searchable limit={30} required />
      <TextInput
        data-autofocus
        label="Subject"
        value={subject}
        onChange={(event) => setSubject(event.currentTarget.value)}
        required
      />
      <Textarea
        label="Text"
        value={body}
        onChange={(event) => setBody(event.currentTarget.value)}
        autosize
        minRows={4}
        maxRows={12}
        required
      />
    </ActionForm>
  );
}

function Hook({
  agentId: firstAgent,
  beadId: firstBead,
  close,
}: {
  agentId: string | null;
  beadId: string | null;
  close: () => void;
}) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const [agentId, setAgent] = useState(firstAgent);
  const [beadId, setBead] = useState(firstBead);
  const agents = [...world.agents.values()]
    .filter((agent) => agent.matches({ idle: "empty" }) || agent.context.id === firstAgent)
    .map(({ context }) => ({ value: context.id, label: `${context.name} (${context.role})` }));
  const beads = [...world.beads.values()]
    .filter(
      ({ context, value }) =>
        context.id === firstBead ||
        (context.type === "issue" &&
          context.assignee === null &&
          (value === "open" || value === "stuck" || value === "in_progress")),
    )
    .map(({ context }) => ({ value: context.id, label: beadTitle(state.content, context.id) }));
  return (
    <ActionForm
      yes="Hook it"
      failed="The bead was not hooked"
      doing={() =>
        actions.hook(rigId, agentId ?? "", beadId ?? "", {
          agent: agentName(world, agentId),
          bead: beadTitle(state.content, beadId ?? ""),
        })
      }
      close={close}
      isReady={agentId !== null && beadId !== null}
    >
      <Select
        label="Agent"
        description={agents.length === 0 ? "No agent is free. The rig makes one by itself when a slot is." : undefined}
        data={agents}
        value={agentId}
        onChange={setAgent}
        searchable
        limit={30}
        required
        {...(firstAgent === null ? { "data-autofocus": true } : {})}
      />
      <Select
        label="Bead"
        data={beads}
        value={beadId}
        onChange={setBead}
        searchable
        limit={30}
        required
        {...(firstAgent === null ? {} : { "data-autofocus": true })}
      />
    </ActionForm>
  );
}

function Unblock({
  agent,
  escalationId,
  close,
}: {
  agent: AgentSnapshot;
  escalationId: string | null;
  close: () => void;
}) {
  const { rigId } = useStore();
  const [answer, setAnswer] = useState("");
  return (
    <ActionForm
      yes="Send the answer"
      failed={`${agent.context.name} was not unblocked`}
      doing={() => actions.unblock(rigId, agent.context.id, answer, escalationId)}
      close={close}
      isReady={answer.trim() !== ""}
    >
      <Textarea
        data-autofocus
        label={`Your answer to ${agent.context.name}`}
        description="It is mailed to the agent, and pushed to its process if that is alive."
        value={answer}
        onChange={(event) => setAnswer(event.currentTarget.value)}
        autosize
        minRows={3}
        maxRows={12}
        required
      />
    </ActionForm>
  );
}

const Confirm = ({ dialog, close }: { dialog: Extract<Dialog, { type: "confirm" }>; close: () => void }) => (
  <ActionForm yes={dialog.yes} failed={dialog.failed} doing={dialog.doing} close={close} isGrave={dialog.isGrave}>
    <p>{dialog.text}</p>
  </ActionForm>
);
