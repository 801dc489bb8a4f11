import type { ReactNode } from "react";
import { dateAndTime, duration, useSeconds } from "../lib/time.ts";
import { follows, go } from "../lib/url.ts";
import { Icon, type IconName } from "./icons.tsx";

/** The small parts that all pages are made of. Those that need a rig are in bits.tsx. */

export type Tone = "good" | "busy" | "warn" | "bad" | "violet" | "plain";

/** A state: icon and word; colour only helps. */
export const State = ({ icon, tone, children, isCalm = false }: StateProps) => (
  <span className={`st t-${tone}${isCalm ? " only-icon-colour" : ""}`}>
    <Icon name={icon} />
    <span>{children}</span>
  </span>
);
interface StateProps {
  icon: IconName;
  tone: Tone;
  children: ReactNode;
  /** It is the normal case: only its icon has colour. */
  isCalm?: boolean;
}

export const Tag = ({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) => (
  <span className={`tag ${tone}`}>{children}</span>
);

/** A key that is printed on a button: drawn, and no part of the button's text, so that what is read out is what is seen. */
export const Kbd = ({ children }: { children: string }) => <kbd aria-hidden="true" data-key-cap={children} />;
/** As `aria-keyshortcuts` writes a key. */
const shortcutOf = (hotkey: string): string => hotkey.replace("Ctrl ", "Control+").replace("↵", "Enter");

interface BtnProps extends Omit<React.ComponentProps<"button">, "type"> {
  kind?: "plain" | "primary" | "ghost" | "grave";
  isSmall?: boolean;
  isSquare?: boolean;
  hotkey?: string | undefined;
  type?: "button" | "submit";
}
export const Btn = ({ kind = "plain", isSmall, isSquare, hotkey, children, className, ...rest }: BtnProps) => (
  <button
    type="button"
    aria-keyshortcuts={hotkey === undefined ? undefined : shortcutOf(hotkey)}
    {...rest}
    className={`btn${kind === "plain" ? "" : ` ${kind}`}${isSmall === true ? " s" : ""}${isSquare === true ? " sq" : ""}${className === undefined ? "" : ` ${className}`}`}
  >
    {children}
    {hotkey === undefined ? null : <Kbd>{hotkey}</Kbd>}
  </button>
);

/** A link inside the pages. */
export const Go = ({ to, ...rest }: { to: string } & Omit<React.ComponentProps<"a">, "href">) => (
  <a
    {...rest}
    href={to}
    onClick={(event) => {
      rest.onClick?.(event);
      follows(event);
    }}
  />
);

/** A panel with a head: its name, how many it shows, and what may be done with it. */
export function Panel(props: {
  id: string;
  title: string;
  count?: number | undefined;
  tools?: ReactNode;
  className?: string;
  children: ReactNode;
}) {
  const { id, title, count, tools, className = "", children } = props;
  return (
    <section className={`panel ${className}`} id={id} aria-labelledby={`${id}-name`} tabIndex={-1}>
      <div className="head">
        <h2 id={`${id}-name`}>{title}</h2>
        {count === undefined ? null : <span className="n">{count.toLocaleString("en")}</span>}
        {tools}
      </div>
      {children}
    </section>
  );
}

/** A number that opens its list. Without an address it only says something. */
export function Num(props: {
  n: ReactNode;
  label: ReactNode;
  aside?: ReactNode;
  to?: string | undefined;
  isHot?: boolean;
  className?: string;
}) {
  const { n, label, aside, to, isHot = false, className = "" } = props;
  const inside = (
    <>
      <b>
        {n}
        {aside === undefined || aside === null ? null : <small>{aside}</small>}
      </b>
      <span className="l">{label}</span>
    </>
  );
  const name = `${isHot ? "hot " : ""}${className}`;
  if (to === undefined) return <div className={`cell ${name}`}>{inside}</div>;
  return (
    <a href={to} className={name} onClick={(event) => opens(event, to)}>
      {inside}
    </a>
  );
}

/** Goes there, and to the list that the address names after its #. */
function opens(event: React.MouseEvent<HTMLAnchorElement>, to: string): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const [address = "", list] = to.split("#");
  go(address);
  if (list !== undefined) requestAnimationFrame(() => openList(list));
}

/** Scrolls to a list and puts the focus on it. */
export function openList(list: string): void {
  const section = document.getElementById(list);
  section?.scrollIntoView({ block: "start" });
  section?.focus({ preventScroll: true });
}

/** A filter of a list, with how many it leaves. */
export const Chip = (props: { on: boolean; count?: number; children: ReactNode; onClick: () => void }) => (
  <button type="button" className="chip" aria-pressed={props.on} onClick={props.onClick}>
    {props.children}
    {props.count === undefined ? null : <b>{props.count.toLocaleString("en")}</b>}
  </button>
);

/** Dollars with two decimals; a middle dot for nothing. */
export const money = (microdollars: number | null): string =>
  microdollars === null
    ? "·"
    : `$${(microdollars / 1e6).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

/** 1234567 as `1.2M`, 388000 as `388k`. */
export function counted(n: number): string {
  if (n < 1_000) return String(n);
  if (n < 1e6) return `${Math.round(n / 1_000)}k`;
  return `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)}M`;
}

/** A moment, said as how long ago it is, with the whole date in its tooltip. */
export function Since({ at, skew = 0, className = "" }: { at: number; skew?: number; className?: string }) {
  const now = useSeconds() + skew;
  return (
    <time className={`num nowrap ${className}`} dateTime={new Date(at).toISOString()} title={dateAndTime(at)}>
      {duration(now - at)}
    </time>
  );
}

/** How full something is; the words beside it say it. */
export const Meter = ({ share, tone = "" }: { share: number; tone?: "" | "calm" | "warn" | "bad" }) => (
  <span className={`meter ${tone}`} aria-hidden="true">
    <i style={{ width: `${Math.max(0, Math.min(100, share * 100)).toFixed(1)}%` }} />
  </span>
);

/** Small bars, one for each number, as high as the highest of them is high. */
export function Spark({ values, width = 64, height = 16, colour = "var(--ph-merge)" }: SparkProps) {
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length);
  const path = values
    .map((n, i) =>
      n === 0 ? "" : `M${(step * (i + 0.5)).toFixed(1)} ${height}v${-Math.max(2, (n / most) * height).toFixed(1)}`,
    )
    .join("");
  return (
    <svg className="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={`M0 ${height - 0.5}H${width}`} stroke="var(--line)" />
      <path d={path} stroke={colour} strokeWidth={Math.max(1, step - 1)} />
    </svg>
  );
}
interface SparkProps {
  values: readonly number[];
  width?: number;
  height?: number;
  colour?: string;
}

export const Nothing = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="empty">
    <h3>{title}</h3>
    {children}
  </div>
);
