import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { Icon, type IconName } from "./icons.tsx";
import "../styles/palette.css";

/** Everything that can be gone to or done from here, found by typing. Ctrl K opens it anywhere. */

export interface Found {
  readonly key: string;
  readonly section: string;
  readonly icon: IconName;
  readonly text: string;
  readonly aside?: string;
  /** What it acts on, shown before it does: for a command on many. */
  readonly preview?: readonly string[];
  readonly act: () => void;
}

/** The bar's button opens it in the same way. */
const OPEN = "ticktown.find";
export const openPalette = (): void => void dispatchEvent(new Event(OPEN));

export function Palette({ find }: { find: (text: string) => readonly Found[] }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const open = () => {
      setOpen(true);
      dialog.current?.showModal();
    };
    const press = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (dialog.current?.open === true) dialog.current.close();
      else open();
    };
    addEventListener(OPEN, open);
    addEventListener("keydown", press);
    return () => {
      removeEventListener(OPEN, open);
      removeEventListener("keydown", press);
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Search or run a command"
      onClose={() => setOpen(false)}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
    >
      {isOpen && <Search find={find} close={() => dialog.current?.close()} />}
    </dialog>
  );
}

function Search({ find, close }: { find: (text: string) => readonly Found[]; close: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [asked, setAsked] = useState<Found | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const found = useMemo(() => find(text.trim()), [find, text]);
  const current = Math.min(at, found.length - 1);
  const run = (one: Found | undefined) => {
    if (one === undefined) return;
    if (one.preview !== undefined && asked?.key !== one.key) return setAsked(one);
    close();
    one.act();
  };
  const press = (event: KeyboardEvent) => {
    const to = { ArrowDown: current + 1, ArrowUp: current - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      setAt(Math.max(0, Math.min(found.length - 1, to)));
      setAsked(null);
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[current]);
    }
  };
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [current, found]);
  return (
    <>
      <div className="palette-field">
        <Icon name="search" />
        <input
          role="combobox"
          aria-label="Search or run a command"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={found.length === 0 ? undefined : `${id}-${current}`}
          placeholder="A title, an agent, a rig, or what to do"
          value={text}
          autoFocus
          onKeyDown={press}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
            setAsked(null);
          }}
        />
        <kbd>Esc</kbd>
      </div>
      <div className="palette-list" ref={list} role="listbox" id={`${id}-list`} aria-label="Found">
        {found.map((one, i) => (
          <div key={one.key}>
            {one.section !== found[i - 1]?.section && (
              <div className="palette-section" aria-hidden="true">
                {one.section}
              </div>
            )}
            <Option id={`${id}-${i}`} of={one} isOn={i === current} onOver={() => setAt(i)} onPick={() => run(one)} />
            {asked?.key === one.key && <Preview of={one.preview ?? []} />}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="palette-none soft">Nothing here is called that.</p>}
      <div className="palette-foot">
        <span>↑↓ move</span>
        <span>↵ run</span>
        <span className="grow" />
        <span>? all keys</span>
      </div>
    </>
  );
}

const Option = (props: { id: string; of: Found; isOn: boolean; onOver: () => void; onPick: () => void }) => (
  <div
    role="option"
    id={props.id}
    aria-selected={props.isOn}
    className="palette-row"
    onMouseMove={props.onOver}
    onClick={props.onPick}
  >
    <Icon name={props.of.icon} />
    <span className="clip grow">{props.of.text}</span>
    {props.of.aside !== undefined && <span className="soft nowrap">{props.of.aside}</span>}
  </div>
);

/** Lines of a preview: enough to see what it is about. */
const PREVIEWED = 8;

const Preview = ({ of }: { of: readonly string[] }) => (
  <div className="palette-preview" role="status">
    <b>Enter again does it to {of.length}:</b>
    <ul>
      {of.slice(0, PREVIEWED).map((line) => (
        <li key={line} className="clip">
          {line}
        </li>
      ))}
      {of.length > PREVIEWED && <li>and {of.length - PREVIEWED} more</li>}
    </ul>
  </div>
);

/** Whether all the words that were typed begin a word of the text. */
export function matches(text: string, typed: string): boolean {
  if (typed === "") return true;
  const words = text.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word));
}
