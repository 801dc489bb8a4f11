export interface JournalLine {
  readonly fact: {
    readonly seq: number;
    readonly type: string;
    readonly cause: number | null;
    readonly agentId?: string;
    readonly beadId?: string;
    readonly dispatchId?: string;
  };
}

export async function journalOf(url: string, rigId: string, token: string): Promise<JournalLine[]> {
  const response = await fetch(`${url}/api/rigs/${rigId}/journal`, { headers: { authorization: `Bearer ${token}` } });
  return (await response.text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JournalLine);
}

/** The fact from outside that all of this followed from. */
export function rootOf(journal: readonly JournalLine[], line: JournalLine): JournalLine {
  const cause = journal.find(({ fact }) => fact.seq === line.fact.cause);
  return cause === undefined ? line : rootOf(journal, cause);
}
