import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

interface Props<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly rowHeight: number;
  /** For rows that are not of that height. */
  heightOf?(item: T): number;
  readonly maxHeight: number;
  keyOf(item: T): string;
  render(item: T): ReactNode;
  rowClass?(item: T): string;
  /** Null: the row only says something. */
  onPick(item: T): (() => void) | null;
}

/**
 * A list of any length: only what is seen is in the document. One tab stop; the arrow keys, Page Up and Down, Home and End go
 * through it, Enter opens.
 */
export function VirtualList<T>(props: Props<T>) {
  const { label, items, rowHeight, heightOf, maxHeight, keyOf, render, rowClass, onPick } = props;
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  // With another function all rows are measured anew: so it is for other rows, and where they are of another height.
  const getItemKey = useCallback((i: number) => keyOf(items[i] as T), [items, rowHeight]);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: (i) => heightOf?.(items[i] as T) ?? rowHeight,
    overscan: 8,
    getItemKey,
  });
  const current = Math.min(at, items.length - 1);
  const rows = virtual.getVirtualItems();
  // The tab stop must be a row that is in the document.
  const stop = rows.some((row) => row.index === current) ? current : rows[0]?.index;

  const move = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(maxHeight / rowHeight) - 1);
    const to = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + page,
      PageUp: current - page,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(items.length - 1, to));
    setAt(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus()),
    );
  };

  return (
    <div
      ref={box}
      className="list"
      style={{ height: Math.min(maxHeight, virtual.getTotalSize()) }}
      onKeyDown={move}
      role="list"
      aria-label={label}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {rows.map((row) => {
          const item = items[row.index] as T;
          const pick = onPick(item);
          const shared = {
            className: `list-row ${rowClass?.(item) ?? ""}`,
            "data-index": row.index,
            style: { height: row.size, transform: `translateY(${row.start}px)` },
            tabIndex: row.index === stop ? 0 : -1,
            onFocus: () => setAt(row.index),
          };
          return (
            <div key={row.key} role="listitem" aria-setsize={items.length} aria-posinset={row.index + 1}>
              {pick === null ? (
                <div {...shared}>{render(item)}</div>
              ) : (
                <button type="button" {...shared} onClick={pick}>
                  {render(item)}
                </button>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
