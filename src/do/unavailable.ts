/** A rig that answers no call, whatever it is about, and why. */
export type UnavailableCode = "rig_deleted" | "rig_newer" | "rig_importing";

/** What such a rig's callers are answered with, as HTTP. */
export const UNAVAILABLE_STATUS: Readonly<Record<UnavailableCode, 404 | 503>> = {
  rig_deleted: 404,
  rig_newer: 503,
  rig_importing: 503,
};

/** Thrown by every method of such a rig. Its `code` survives the way from one object to another; its class does not. */
export class Unavailable extends Error {
  override name = "Unavailable";
  readonly code: UnavailableCode;

  constructor(code: UnavailableCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The code of an error that came from a rig, or null when it is another error. */
export function unavailableCode(error: unknown): UnavailableCode | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && code in UNAVAILABLE_STATUS ? (code as UnavailableCode) : null;
}

export const deleted = (): Unavailable => new Unavailable("rig_deleted", "this rig was deleted");

/** @param reason what was found that is not known here */
export const newer = (reason: string): Unavailable =>
  new Unavailable(
    "rig_newer",
    `this rig was written by a newer Ticktown and is left alone: ${reason}. Nothing was changed and nothing is done for it until that version, or a later one, is started again`,
  );

export const importing = (): Unavailable =>
  new Unavailable("rig_importing", "this rig is being brought back from a file just now; try again in a moment");
