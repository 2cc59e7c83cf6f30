// roost check: whether the messages and their index are in order, beside a running server or without one. What is fine
// and what is wrong goes to standard output, a sentence a line. The exit status is 0 if all is fine, 1 if something is
// damaged.

import { Refusal } from "../store/sqlite/refusal.ts";
import { StoreUnavailable } from "../store/store.ts";
import { printLines } from "./command-output.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { storePlaceOf } from "./store-place.ts";
import { StartError } from "./usage-error.ts";

/** Checks the store that the words name; returns the exit status. Throws StartError, UsageError. */
export async function check(values: OptionValues): Promise<number> {
  const place = storePlaceOf(values);
  const progress = new Progress();
  try {
    const { isFine, lines } =
      place.kind === "sqlite"
        ? (await import("./check-sqlite.ts")).checkFile(place.path, progress)
        : await (await import("./check-postgres.ts")).checkDatabase(place.url, progress);
    progress.clear();
    await printLines(lines);
    return isFine ? 0 : 1;
  } catch (error) {
    progress.clear();
    const isTold = error instanceof StoreUnavailable || error instanceof Refusal || codeOf(error) !== "";
    if (isTold) throw new StartError(`nothing was checked: ${sentenceOf(error)}`);
    throw error;
  }
}
