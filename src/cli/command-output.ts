// Standard output of the commands that print and end: `roost nodes | head -1` ends without a stack trace, and a full disk
// is a failure that is told.

import { codeOf } from "./failure.ts";

/** Status of a command whose output has no reader: that of a process ended by SIGPIPE, in a shell. */
const exitPipe = 141;

/**
 * For commands that print and end: a reader that has gone ends them quietly, any other failure of standard output with a
 * sentence. Returns a function that waits until all is written.
 */
export function endWithOutput(): () => Promise<void> {
  process.stderr.on("error", () => {
    // There is nowhere left to say it.
  });
  process.stdout.on("error", (error) => {
    if (codeOf(error) === "EPIPE") process.exit(exitPipe);
    process.stderr.write(`roost: cannot write to standard output: ${error.message}\n`, () => process.exit(1));
  });
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    process.stdout.write("", () => resolve());
    await promise;
    // The error event of a write that failed comes in a later turn.
    await new Promise((next) => setImmediate(next));
  };
}
