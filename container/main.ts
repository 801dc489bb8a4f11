/** The entry of the container: `node container/main.ts`. Prints one line on stdout when it listens. */
import { readConfig } from "./config.ts";
import { logToStderr as log, messageOf } from "./log.ts";
import { startControlServer } from "./http/server.ts";
import { closeInherited } from "./processes/inherited.ts";

closeInherited();

try {
  const control = await startControlServer(readConfig(process.env), log);
  process.stdout.write(`control ready ${control.url}\n`);

  let asked = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      log(`${signal} again: exiting at once`);
      control.killAll();
      process.exit(1);
    }
    asked = true;
    log(`${signal}: draining; send it again to exit at once`);
    control.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`draining failed: ${messageOf(error)}`);
        control.killAll();
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
} catch (error) {
  log(`the control server could not start: ${messageOf(error)}`);
  process.exitCode = 1;
}
