/** One line per thing worth knowing, on stderr: stdout carries only the `control ready` line. */
export type Log = (message: string) => void;

export const logToStderr: Log = (message) => {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`);
};

/** The words of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
