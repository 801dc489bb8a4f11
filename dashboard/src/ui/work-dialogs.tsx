import { Checkbox, Select, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import * as actions from "../lib/actions.ts";
import { beadTitle } from "../lib/names.ts";
import { useStore, useWhole, useWorld } from "../lib/use-rig.ts";
import { PRIORITIES } from "../lib/work.ts";
import { ActionForm } from "./action-form.tsx";

/** What a person does to work that is there: gives it to somebody else, changes it, takes it back. */

export function Move({ agent, close }: { agent: AgentSnapshot; close: () => void }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const [to, setTo] = useState<string | null>(null);
  const free = [...world.agents.values()].filter((one) => one.hasTag("free") && one.context.role === "polecat");
  const chosen = free.find(({ context }) => context.id === to);
  const title = beadTitle(state.content, agent.context.hook ?? "");
  return (
    <ActionForm
      yes="Move it"
      failed="It was not moved"
      isReady={chosen !== undefined}
      doing={() => actions.move(rigId, agent, { id: to ?? "", name: chosen?.context.name ?? "" }, title)}
      close={close}
    >
      <p>
        “{title}” is taken from {agent.context.name}: what runs is asked to stop, what is committed stays.
      </p>
      <Select
        label="To whom"
        placeholder={free.length === 0 ? "nobody is free" : "a free agent"}
        data={free.map(({ context }) => ({ value: context.id, label: context.name }))}
        value={to}
        onChange={setTo}
        searchable
      />
    </ActionForm>
  );
}

export function Edit(props: { beadId: string; body: string; close: () => void }) {
  return useWhole(props.beadId) ? <EditWhole {...props} /> : <p className="soft">Its whole title is fetched.</p>;
}

function EditWhole({ beadId, body: known, close }: { beadId: string; body: string; close: () => void }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const title = beadTitle(state.content, beadId);
  const priority = world.beads.get(beadId)?.context.priority ?? "medium";
  const labels = (state.content.get(beadId)?.labels ?? []).join(", ");
  const [next, setNext] = useState({ title, body: known, priority, labels });
  const change: actions.BeadChange = {
    ...(next.title.trim() === title ? {} : { title: next.title.trim() }),
    ...(next.body === known ? {} : { body: next.body === "" ? null : next.body }),
    ...(next.priority === priority ? {} : { priority: next.priority }),
    ...(next.labels === labels ? {} : { labels: next.labels.split(",").flatMap((label) => label.trim() || []) }),
  };
  return (
    <ActionForm
      yes="Keep it so"
      failed="It was not changed"
      isReady={Object.keys(change).length > 0 && next.title.trim() !== ""}
      doing={() => actions.edit(rigId, beadId, change)}
      close={close}
    >
      <TextInput
        label="Title"
        data-autofocus
        value={next.title}
        onChange={(event) => setNext({ ...next, title: event.currentTarget.value })}
      />
      <Textarea
        label="What the agent should know"
        description="An agent that runs already has the text that it was started with."
        value={next.body}
        onChange={(event) => setNext({ ...next, body: event.currentTarget.value })}
        autosize
        minRows={4}
        maxRows={14}
      />
      <Select
        label="Priority"
        data={[...PRIORITIES]}
        value={next.priority}
        onChange={(value) => setNext({ ...next, priority: (value ?? priority) as typeof priority })}
        allowDeselect={false}
      />
      <TextInput
        label="Labels, with commas between"
        value={next.labels}
        onChange={(event) => setNext({ ...next, labels: event.currentTarget.value })}
      />
    </ActionForm>
  );
}

/** The reason is for whoever asks why it rests; it need not be given. */
export function Hold({ agent, close }: { agent: AgentSnapshot; close: () => void }) {
  const { rigId } = useStore();
  const { name } = agent.context;
  const [reason, setReason] = useState("");
  return (
    <ActionForm
      yes={`Hold ${name}`}
      failed={`${name} is not held`}
      doing={() => actions.hold(rigId, agent, reason.trim())}
      close={close}
    >
      <p>Nothing new is started with {name} until it is released. What it does now goes on.</p>
      <TextInput
        label="Why"
        data-autofocus
        value={reason}
        maxLength={LIMITS.reason_chars}
        placeholder="for whoever asks why it rests"
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </ActionForm>
  );
}

export function Revert({ beadId, close }: { beadId: string; close: () => void }) {
  const { rigId } = useStore();
  const { state } = useWorld();
  const [why, setWhy] = useState("");
  const [redo, setRedo] = useState(true);
  return (
    <ActionForm
      yes="Take it back"
      failed="It was not taken back"
      isGrave
      isReady={why.trim() !== ""}
      doing={() => actions.revert(rigId, beadId, why.trim(), redo)}
      close={close}
    >
      <p>What “{beadTitle(state.content, beadId)}” has put on the target is taken back, through the same checks.</p>
      <Textarea
        label="Why"
        data-autofocus
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        required
      />
      <Checkbox
        label="Have it done again, behind that"
        checked={redo}
        onChange={(event) => setRedo(event.currentTarget.checked)}
      />
    </ActionForm>
  );
}
