// The names in the profiles of those who write, as a terminal shows them beside their accounts. What many lines need is
// asked for together; a name that comes later has the lines drawn anew.

import type { Community } from "../../sdk/community/community.ts";

/** How long names are waited for before lines are shown without them, in milliseconds. */
const patienceMs = 500;

export class ProfileNames {
  private readonly community: Community;
  private readonly isShown: boolean;

  /** `isShown`: elsewhere names are '', and asked for by nobody. */
  constructor(community: Community, isShown: boolean) {
    this.community = community;
    this.isShown = isShown;
  }

  /** Returns the name of an account, '' if it has none or is not known yet: then it is asked for. */
  of(account: string): string {
    return this.isShown ? (this.community.profiles.of(account)?.name ?? "") : "";
  }

  /** Resolves when these are known, or cannot be known soon. At most as many accounts as lines of a page. */
  async know(accounts: Iterable<string>): Promise<void> {
    if (!this.isShown) return;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, patienceMs);
    const known = this.community.profiles.load(new Set(accounts)).catch(() => undefined);
    await Promise.race([known, late.promise]);
    clearTimeout(timer);
  }
}
