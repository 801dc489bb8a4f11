/**
 * Objects move, are started anew and have too much to do: whoever called one meanwhile gets an error that says nothing of what was asked. All
 * such errors are known here, and nowhere else. What only reads is tried again; what changes something is told as 503 with Retry-After, and is
 * safe to repeat with its Idempotency-Key.
 */

/** What the platform says of an error of an object, as properties. */
interface Marks {
  readonly retryable?: unknown;
  readonly overloaded?: unknown;
  readonly durableObjectReset?: unknown;
  readonly message?: unknown;
}

const marksOf = (error: unknown): Marks => (typeof error === "object" && error !== null ? error : {});

/** Where the properties are lost on the way from one object to another, these are. */
const WORDS =
  /network connection lost|durable object\b.*\b(reset|overloaded|transient|can no longer access)|caused object to be reset/i;

/** Too much is asked of it: asking more often makes it worse. */
export const isOverloaded = (error: unknown): boolean =>
  marksOf(error).overloaded === true || /durable object is overloaded/i.test(String(marksOf(error).message ?? ""));

/** Whether it says something of the object's moment, and nothing of what was asked. */
export function isPassing(error: unknown): boolean {
  const { retryable, overloaded, durableObjectReset, message } = marksOf(error);
  return (
    retryable === true ||
    overloaded === true ||
    durableObjectReset === true ||
    (typeof message === "string" && WORDS.test(message))
  );
}

/** How long a client waits before it asks again, s. */
export const waitOf = (error: unknown): number => (isOverloaded(error) ? 5 : 1);

/** Tries of what only reads, and the waits between them, ms. */
const WAITS_MS: readonly number[] = [50, 200, 800];

/** What only reads, tried again where its object was not there for a moment. @throws what it throws at last */
export async function patiently<T>(read: () => T | Promise<T>): Promise<Awaited<T>> {
  for (const wait_ms of WAITS_MS) {
    try {
      return await read();
    } catch (error) {
      if (!isPassing(error) || isOverloaded(error)) throw error;
      await scheduler.wait(wait_ms);
    }
  }
  return await read();
}
