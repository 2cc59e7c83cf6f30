// roost check: verifies the messages and their index, whether a server runs or not. It prints a sentence a line on
// standard output. The exit status is 0 if nothing is damaged, else 1.

import { printLines } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { storePlaceOf } from "./store-place.ts";
import { storeFailure } from "./store-failure.ts";

/** Checks the store that the options name; returns the exit status. Throws StartError, UsageError. */
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
    throw storeFailure("nothing was checked", error);
  }
}
