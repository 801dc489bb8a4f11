import { useEffect } from "react";

/** The tab's title begins with how many need a person: one reads it without looking at the page. */

let waiting = 0;
let words = "";

function write(): void {
  document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${words === "" ? "" : `${words} · `}Ticktown`;
}

export function setWaiting(count: number): void {
  waiting = count;
  write();
}

/** Says in the tab's title what is shown. */
export function useTitle(text: string): void {
  useEffect(() => {
    words = text;
    write();
  }, [text]);
}
