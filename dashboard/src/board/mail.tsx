import { Button } from "@mantine/core";
import { useState } from "react";
import type { Mail } from "../lib/rig-store.ts";
import { agentName } from "../lib/names.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Ago, Empty } from "../ui/bits.tsx";
import { useDialog } from "../ui/dialogs.tsx";
import { VirtualList } from "../ui/virtual-list.tsx";

export function MailBox() {
  const { state, world } = useWorld();
  const [open, setOpen] = useState<Mail | null>(null);
  const ask = useDialog();
  const unread = state.mail.filter((mail) => mail.deliveredAt === null).length;
  return (
    <section className="card" aria-labelledby="mail">
      <div className="card-head">
        <h2 id="mail">
          Mail <span className="count">{unread === 0 ? "all read" : `${unread} unread`}</span>
        </h2>
        <span className="grow" />
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => ask({ type: "mail", to: null })}
          disabled={world.agents.size === 0}
        >
          Write
        </Button>
      </div>
      {state.mail.length === 0 ? (
        <Empty title="No mail">
          <p>Agents, the witness and you write here. Reading delivers it; a GUPP check arrives here too.</p>
        </Empty>
      ) : (
        <VirtualList
          label="Mail"
          items={state.mail}
          rowHeight={58}
          maxHeight={290}
          keyOf={(mail) => mail.id}
          onPick={(mail) => () => setOpen(open?.id === mail.id ? null : mail)}
          rowClass={(mail) => (open?.id === mail.id ? "on" : "")}
          render={(mail) => (
            <>
              <span className="list-main">
                <span className="list-title clip">{mail.subject}</span>
                <span className="soft small clip">
                  {agentName(world, mail.from)} → {agentName(world, mail.to)} · {mail.body}
                </span>
              </span>
              <span className="side">
                {mail.deliveredAt === null ? (
                  <span className="pill warn">unread</span>
                ) : (
                  <span className="pill quiet">read</span>
                )}
                <span className="soft small">
                  <Ago at={mail.at} />
                </span>
              </span>
            </>
          )}
        />
      )}
      {open !== null && (
        <div style={{ padding: "12px 16px", borderTop: "1px solid var(--line)" }}>
          <b>{open.subject}</b>
          <div className="text-block" tabIndex={0} style={{ marginTop: 6 }}>
            {open.body}
          </div>
        </div>
      )}
    </section>
  );
}
