// roost check for a store in PostgreSQL.

import { checkPostgres } from "../store/postgres/check.ts";
import { placeOf } from "../store/postgres/client.ts";
import type { Checked } from "./checked.ts";
import type { Progress } from "./progress.ts";

/** Checks the store. Rejects with StoreUnavailable. */
export async function checkDatabase(url: string, progress: Progress): Promise<Checked> {
  const { problems, skipped, messages } = await checkPostgres(url, (what, part) => progress.show(what, part));
  const isFine = problems.length === 0;
  const lines = isFine
    ? [`messages: fine: ${placeOf(url)} (${messages})`]
    : [
        `messages: DAMAGED: ${placeOf(url)}`,
        ...problems.map((problem) => `  ${problem}`),
        '  "roost restore" restores a backup',
      ];
  return { isFine, lines: [...lines, ...skipped.map((sentence) => `not checked: ${sentence}`)] };
}
