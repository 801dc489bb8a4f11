import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import type { Diff, FoundDiff } from "../../../src/wire/diff.ts";
import { factsOf, numberOf, rowsOf, seen, type DiffRow, type LineRow } from "../lib/diff-rows.ts";
import { useKeys } from "../lib/keys.ts";
import type { Looked } from "../lib/looks.ts";
import { plural } from "../lib/names.ts";
import type { SaidOfLine } from "../lib/story.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { Btn } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { Compose, SaidHere, sendComment, type Recipient } from "./comments.tsx";

/** What the work changes: its files, and their lines as one list of which only what is seen is in the document. */

const OF = {
  clone: "as it lies in its agent’s clone",
  branch: "as it was last taken out of its agent’s clone",
  handed_in: "as it was handed in",
  merged: "as it was merged",
} as const;

type Comments = ReadonlyMap<string, readonly SaidOfLine[]>;
type Row =
  | DiffRow
  | { readonly kind: "said"; readonly key: string; readonly said: readonly SaidOfLine[] }
  | { readonly kind: "compose"; readonly key: string; readonly line: LineRow };

export function DiffPanel({ look, comments, to }: { look: Looked<Diff>; comments: Comments; to: Recipient }) {
  const { data, error, isLoading, again } = look;
  const found = data?.result === "found" ? data : null;
  return (
    <section className="panel diff" id="diff" aria-labelledby="diff-name" tabIndex={-1}>
      <div className="head">
        <h2 id="diff-name">Diff</h2>
        {found !== null && <Sum diff={found} />}
        <span className="grow" />
        <Btn isSmall kind="ghost" onClick={again} disabled={isLoading}>
          Look again
        </Btn>
      </div>
      {found !== null && found.files.length > 0 ? (
        <Files key={found.tip} diff={found} comments={comments} to={to} />
      ) : (
        <p className="empty-line" role={error === null ? undefined : "alert"}>
          {whyNothing(look)}
        </p>
      )}
    </section>
  );
}

function whyNothing({ data, error, isLoading }: Looked<Diff>): string {
  if (error !== null) return `It cannot be shown: ${error.message}.`;
  if (isLoading && data === null) return "The container is asked…";
  return data?.result === "none" ? data.sentence : "Nothing is changed yet.";
}

const Sum = ({ diff }: { diff: FoundDiff }) => (
  <span className="diff-sum">
    <span className="soft">{plural(diff.file_count, "file")}</span>{" "}
    <span className="t-good num">+{diff.added.toLocaleString("en")}</span>{" "}
    <span className="t-bad num">−{diff.deleted.toLocaleString("en")}</span>{" "}
    <span className="soft wide">
      {diff.of === "merged"
        ? `in ${diff.target}`
        : `against ${diff.target}${diff.target_tip === null ? "" : ` ${diff.target_tip.slice(0, 7)}`}`}
      {diff.conflicts === null ? "" : diff.conflicts.length === 0 ? ", merges cleanly" : ""}
    </span>{" "}
    {diff.conflicts !== null && diff.conflicts.length > 0 && (
      <span className="t-bad">conflicts in {plural(diff.conflicts.length, "file")}</span>
    )}
  </span>
);

type Lines = ReturnType<typeof useVirtualizer<HTMLDivElement, Element>>;

/** Where the reader is, what is folded, and what is being written; and the keys for them. */
function useReading(diff: FoundDiff, comments: Comments) {
  const [viewed, setViewed] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState<string | null>(null);
  const [composing, setComposing] = useState<string | null>(null);
  const plain = useMemo(() => rowsOf(diff, viewed), [diff, viewed]);
  const rows = useMemo(() => withComments(plain, comments, composing), [plain, comments, composing]);
  const view = (path: string) =>
    setViewed((known) => new Set(known.has(path) ? [...known].filter((one) => one !== path) : [...known, path]));
  return { rows, viewed, view, at, setAt, setComposing };
}

function useDiffKeys({ rows, at, setAt, setComposing, view }: ReturnType<typeof useReading>, lines: Lines): void {
  const now = rows.findIndex((row) => row.key === at);
  const here = now >= 0 ? now : (lines.range?.startIndex ?? 0);
  const jump = (step: 1 | -1) => {
    const order = step === 1 ? rows.slice(here + 1) : rows.slice(0, here).toReversed();
    const next = order.find(({ kind }) => kind === "hunk");
    if (next === undefined) return;
    setAt(next.key);
    lines.scrollToIndex(rows.indexOf(next), { align: "start" });
  };
  useKeys("Diff", [
    { keys: "n", does: "The next hunk", act: () => jump(1) },
    { keys: "p", does: "The hunk before", act: () => jump(-1) },
    {
      keys: "c",
      does: "Comment on the line",
      act: () => setComposing(rows.slice(here).find((row) => row.kind === "line" && row.sign !== "\\")?.key ?? null),
    },
    {
      keys: "v",
      does: "The file is viewed: fold it",
      act: () => {
        const file = rows.slice(0, here + 1).findLast((row) => row.kind === "file");
        if (file?.kind === "file") view(file.file.path);
      },
    },
  ]);
}

function Files({ diff, comments, to }: { diff: FoundDiff; comments: Comments; to: Recipient }) {
  const reading = useReading(diff, comments);
  const { rows, viewed, view, at, setAt, setComposing } = reading;
  const box = useRef<HTMLDivElement>(null);
  const list = useVirtualizer<HTMLDivElement, Element>({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (n) => HEIGHTS[(rows[n] as Row).kind],
    overscan: 20,
    getItemKey: (n) => `${(rows[n] as Row).kind}${(rows[n] as Row).key}`,
  });
  useDiffKeys(reading, list);
  const open = (index: number) => {
    list.scrollToIndex(
      rows.findIndex((row) => row.kind === "file" && row.index === index),
      { align: "start" },
    );
    box.current?.scrollIntoView({ block: "nearest" });
  };
  return (
    <>
      <p className="diff-of faint small">
        {OF[diff.of]}
        {diff.uncommitted ? ", with what is in no commit yet" : ""}.
        {diff.conflicts !== null && diff.conflicts.length > 0 && (
          <span className="t-bad"> Conflicts: {diff.conflicts.slice(0, 8).join(", ")}.</span>
        )}
      </p>
      <Commits diff={diff} />
      <FileList diff={diff} viewed={viewed} onView={view} onOpen={open} />
      <div className="diff-keys faint small wide" aria-hidden="true">
        <kbd>N</kbd> next hunk <kbd>C</kbd> comment <kbd>V</kbd> viewed
      </div>
      <div
        className="lines"
        ref={box}
        role="region"
        aria-label="Lines"
        tabIndex={0}
        style={{ height: `min(${list.getTotalSize()}px, max(280px, calc(100dvh - 220px)))` }}
      >
        <div style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map(({ key, index, start }) => {
            const row = rows[index] as Row;
            const shown = {
              row,
              isAt: row.key === at,
              viewed,
              to,
              onPick: setAt,
              onView: view,
              onCompose: setComposing,
            };
            return (
              <div
                key={key}
                data-index={index}
                ref={list.measureElement}
                className="line-at"
                style={{ transform: `translateY(${start}px)` }}
              >
                <RowShown {...shown} />
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

const HEIGHTS: Readonly<Record<Row["kind"], number>> = {
  file: 30,
  hunk: 18,
  line: 18,
  note: 28,
  said: 84,
  compose: 132,
};

/** Comments stand under the line that they are about; one that is being written, too. */
function withComments(rows: readonly DiffRow[], comments: Comments, composing: string | null): Row[] {
  if (comments.size === 0 && composing === null) return rows as Row[];
  const left = new Map(comments);
  return rows.flatMap((row): Row[] => {
    if (row.kind !== "line") return [row];
    const key = `${row.path}:${numberOf(row)}`;
    const said = row.sign === "\\" ? undefined : left.get(key);
    left.delete(key);
    return [
      row,
      ...(said === undefined ? [] : [{ kind: "said" as const, key: `${row.key}:said`, said }]),
      ...(composing === row.key ? [{ kind: "compose" as const, key: `${row.key}:compose`, line: row }] : []),
    ];
  });
}

interface RowProps {
  readonly row: Row;
  readonly isAt: boolean;
  readonly viewed: ReadonlySet<string>;
  readonly to: Recipient;
  readonly onPick: (key: string) => void;
  readonly onView: (path: string) => void;
  readonly onCompose: (key: string | null) => void;
}

function RowShown({ row, isAt, viewed, to, onPick, onView, onCompose }: RowProps) {
  const { now } = useWorld();
  switch (row.kind) {
    case "file":
      return (
        <div className={`dfile${isAt ? " at" : ""}`}>
          <Text text={row.file.path} />
          <span className="soft small clip">{factsOf(row.file)}</span>
          <span className="grow" />
          <button
            type="button"
            className="chip"
            aria-pressed={viewed.has(row.file.path)}
            onClick={() => onView(row.file.path)}
          >
            Viewed
          </button>
        </div>
      );
    case "note":
      return <p className="dnote soft small">{row.text}</p>;
    case "hunk":
      return (
        <div className={`dl hunk${isAt ? " at" : ""}`}>
          <span />
          <span />
          <Text text={row.text} />
        </div>
      );
    case "line":
      return <Line row={row} isAt={isAt} onPick={onPick} onCompose={onCompose} />;
    case "said":
      return <SaidHere said={row.said} now={now} />;
    case "compose":
      return <Composing line={row.line} to={to} onClose={() => onCompose(null)} />;
  }
}

const SIGNS = { "+": ["add", "added"], "-": ["del", "deleted"], " ": ["", ""], "\\": ["meta", ""] } as const;

function Line({
  row,
  isAt,
  onPick,
  onCompose,
}: {
  row: LineRow;
  isAt: boolean;
  onPick: (key: string) => void;
  onCompose: (key: string) => void;
}) {
  const [name, word] = SIGNS[row.sign];
  return (
    <div className={`dl ${name}${isAt ? " at" : ""}`} onClick={() => onPick(row.key)}>
      <span className="num">{row.before}</span>
      <span className="num">{row.now}</span>
      <code>
        <span aria-hidden="true">{row.sign === "-" ? "−" : row.sign} </span>
        {word !== "" && <span className="visually-hidden">{word}: </span>}
        <Text text={row.text} />
      </code>
      {row.sign !== "\\" && (
        <button
          type="button"
          className="say"
          tabIndex={-1}
          onClick={() => onCompose(row.key)}
          aria-label={`Comment on line ${numberOf(row)}`}
        >
          <Icon name="plus" />
        </button>
      )}
    </div>
  );
}

/** A text that an agent may have written: characters that nobody would see are shown by their numbers. */
const Text = ({ text }: { text: string }) => (
  <bdi className="code">
    {seen(text).map((piece, n) =>
      piece.isHidden ? (
        <span key={n} className="hidden-char">
          {piece.text}
        </span>
      ) : (
        piece.text
      ),
    )}
  </bdi>
);

function Composing({ line, to, onClose }: { line: LineRow; to: Recipient; onClose: () => void }) {
  const { rigId } = useStore();
  const toasts = useToasts();
  const send = async (text: string) => {
    const comment = { path: line.path, line: numberOf(line), text };
    const isSent = await toasts.act(
      () => sendComment(rigId, to, comment, line.text.slice(0, 500)),
      "The comment was not sent",
    );
    if (isSent) onClose();
    return isSent;
  };
  return <Compose to={to} line={numberOf(line)} onSend={send} onClose={onClose} />;
}

function FileList({
  diff,
  viewed,
  onOpen,
  onView,
}: {
  diff: FoundDiff;
  viewed: ReadonlySet<string>;
  onOpen: (index: number) => void;
  onView: (path: string) => void;
}) {
  const [isAll, setAll] = useState(false);
  const files = isAll ? diff.files : diff.files.slice(0, FILES_SHOWN);
  return (
    <ul className={`dfiles${diff.files.length > 3 ? " two" : ""}`} aria-label="Changed files">
      {files.map((file, index) => (
        <li key={`${index}${file.path}`}>
          <button
            type="button"
            className={`seen-mark${viewed.has(file.path) ? " t-good" : ""}`}
            onClick={() => onView(file.path)}
            aria-pressed={viewed.has(file.path)}
            aria-label={`${file.path} is viewed`}
          >
            <Icon name={viewed.has(file.path) ? "check" : "list"} />
          </button>
          <button type="button" className="open clip" onClick={() => onOpen(index)} title={file.path}>
            <Text text={file.path} />
          </button>
          <span className="num faint nowrap">
            {file.added === null
              ? "binary"
              : `+${file.added.toLocaleString("en")} −${(file.deleted ?? 0).toLocaleString("en")}`}
          </span>
        </li>
      ))}
      {diff.files.length > files.length && (
        <li>
          <button type="button" className="link-button" onClick={() => setAll(true)}>
            {diff.files.length - files.length} more files
          </button>
        </li>
      )}
    </ul>
  );
}

const FILES_SHOWN = 10;

const Commits = ({ diff }: { diff: FoundDiff }) =>
  diff.commits.length === 0 ? null : (
    <details className="commits">
      <summary>
        {plural(diff.commit_count, "commit")} <span className="soft clip">{diff.commits[0]?.subject}</span>
      </summary>
      <ul>
        {diff.commits.map((commit) => (
          <li key={commit.id}>
            <code className="faint">{commit.id.slice(0, 8)}</code> <span className="clip grow">{commit.subject}</span>{" "}
            <span className="faint nowrap">{commit.author}</span>
          </li>
        ))}
      </ul>
    </details>
  );
