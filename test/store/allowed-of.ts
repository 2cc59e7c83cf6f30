// Whom an account may watch, in as many questions as the store needs.

import type { PeopleStore } from "../../src/store/people.ts";

export async function allowedOf(
  people: PeopleStore,
  account: string,
  accounts: readonly string[],
): Promise<readonly string[]> {
  const allowed: string[] = [];
  for (let at = 0; at < accounts.length;) {
    const part = await people.watchable("app", account, accounts.slice(at));
    if (part.decided < 1) throw new Error("a part decides at least one account");
    allowed.push(...part.allowed);
    at += part.decided;
  }
  return allowed;
}
