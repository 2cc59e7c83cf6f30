// The accounts that a page of an import makes. Messages name two each, and many more in reactions and mentions, and
// accounts block many: those are made before the page is stored, in slices, because all writers wait for a transaction.
// A page that is refused then leaves accounts without messages, as if they had come with another page.

import type { ImportPage } from "./data.ts";
import type { DataRecord } from "./data-records.ts";

/** Accounts that one transaction makes. */
const sliceMax = 1_000;

/** What makes a slice of the accounts of a page. */
export interface ImportAccounts extends Pick<ImportPage, "app" | "name" | "cursor"> {
  readonly accounts: readonly string[];
}

/** Gives no slices for a page that names few. `areMentionedMade`: storing a message makes the accounts it mentions. */
export function* accountSlices(
  { app, name, cursor, records }: ImportPage,
  { areMentionedMade }: { readonly areMentionedMade: boolean },
): Generator<ImportAccounts> {
  let count = 0;
  for (const { message, account } of records) {
    count += (message?.reactions?.length ?? 0) + ((areMentionedMade && message?.mentions?.length) || 0);
    count += account?.blocked.length ?? 0;
  }
  if (count <= sliceMax) return;
  const accounts = [...new Set(records.flatMap((record) => namesIn(record, areMentionedMade)))];
  for (let at = 0; at < accounts.length; at += sliceMax)
    yield { app, name, cursor, accounts: accounts.slice(at, at + sliceMax) };
}

function namesIn({ message, account }: DataRecord, areMentionedMade: boolean): readonly string[] {
  if (account !== undefined) return account.blocked;
  if (message === undefined || message.recalled === true) return [];
  const reacting = message.reactions?.map((reaction) => reaction.account) ?? [];
  const mentioned = areMentionedMade ? (message.mentions ?? []) : [];
  // It names everybody in a group.
  return [...reacting, ...mentioned.filter((name) => name !== "*")];
}
