// The system of each app as an account of the store: before it acts for the first time, its settings are made, by which
// nobody writes to it and nobody adds it to groups.

import { systemAccount } from "../auth/names.ts";
import { GenerationCache } from "../base/generation-cache.ts";
import type { Store } from "../store/store.ts";

/** Apps whose system is known to be there; about 100 bytes each. */
const knownMax = 10_000;

export class SystemAccounts {
  private readonly store: Pick<Store, "people">;
  private readonly known = new GenerationCache<true>(knownMax);

  constructor(store: Pick<Store, "people" | "watchReplacement">) {
    this.store = store;
    store.watchReplacement(() => this.known.clear());
  }

  /** Undefined if it is there already. Rejects as the store does. */
  made(app: string): Promise<void> | undefined {
    return this.known.get(app) === true ? undefined : this.make(app);
  }

  private async make(app: string): Promise<void> {
    await this.store.people.setConsent({ app, account: systemAccount, write: "nobody", add: "nobody" });
    this.known.set(app, true);
  }
}
