import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { useScreen } from "./use-screen.ts";

interface Props<T> {
  readonly label: string;
  readonly items: readonly T[];
  heightOf(item: T): number;
  keyOf(item: T): string;
  render(item: T): ReactNode;
  rowClass?(item: T): string;
  /** A heading between rows: nothing can be done with it, and it does not count. */
  isHeading?(item: T): boolean;
}

/**
 * A list of any length that scrolls with the page: only what is seen is in the document. The keys `j` and `k` go through its rows
 * (ui/cursor.ts), as through all others.
 */
export function Rows<T>({ label, items, heightOf, keyOf, render, rowClass, isHeading }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  // What is above may grow: the list is asked where it begins whenever anything changes its size.
  useLayoutEffect(() => {
    const measure = () => {
      const element = box.current;
      if (element !== null) setTop(Math.round(element.getBoundingClientRect().top + scrollY));
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, []);
  const screen = useScreen();
  // With another function all rows are measured anew: so it is for other rows, and where they are of another height.
  const getItemKey = useCallback((i: number) => keyOf(items[i] as T), [items, screen]);
  const virtual = useWindowVirtualizer({
    count: items.length,
    estimateSize: (i) => heightOf(items[i] as T),
    overscan: 6,
    scrollMargin: top,
    getItemKey,
  });
  return (
    <div ref={box} className="rows" role="list" aria-label={label} style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((row) => {
        const item = items[row.index] as T;
        const isHead = isHeading?.(item) === true;
        return (
          <div
            key={row.key}
            role="listitem"
            aria-setsize={items.length}
            aria-posinset={row.index + 1}
            className={isHead ? "rows-head" : `rows-row ${rowClass?.(item) ?? ""}`}
            style={{ height: row.size, transform: `translateY(${row.start - top}px)` }}
            {...(isHead ? {} : { "data-j": "", tabIndex: -1 })}
          >
            {render(item)}
          </div>
        );
      })}
    </div>
  );
}
