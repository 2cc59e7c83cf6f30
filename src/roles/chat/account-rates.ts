// What an account may cause in the store for good, at this node: changes of groups, members added, and accounts made by
// writing to names that nobody has used. Rows of accounts and groups are never deleted, so making them is what is
// bounded. Paid when it is asked for, whatever becomes of it: a refusal costs a transaction, too.
//
// Gateways choose a chat node by a connection's id (or by the routing rules), so the connections of one account may be
// served by different nodes, each of which allows as much: n nodes allow at most n times the rate.

import type { Clock } from "../../base/clock.ts";
import { AccountBuckets } from "../../base/account-buckets.ts";
import type { Limits } from "../../base/limits/limits.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** Who asks. */
interface Asker {
  readonly app: string;
  readonly account: string;
}

export class AccountRates {
  private readonly limits: Limits;
  private readonly changes: AccountBuckets;
  private readonly members: AccountBuckets;
  private readonly accounts: AccountBuckets;

  constructor(limits: Limits, clock: Pick<Clock, "monotonicMs">) {
    const { values } = limits;
    this.limits = limits;
    this.changes = new AccountBuckets(values.groupChangesPerSecond, values.groupChangesAtOnce, clock);
    this.members = new AccountBuckets(values.membersAddedPerSecond, values.membersAddedAtOnce, clock);
    this.accounts = new AccountBuckets(values.accountsMadePerSecond, values.accountsMadeAtOnce, clock);
    limits.measure("groupChangesAtOnce", () => this.changes.largestUse);
    limits.measure("membersAddedAtOnce", () => this.members.largestUse);
    limits.measure("accountsMadeAtOnce", () => this.accounts.largestUse);
  }

  /**
   * Pays for one change of a group that adds so many members; throws RateLimited, with nothing paid, if it is too much.
   */
  changeGroup({ app, account }: Asker, members: number): void {
    const { values } = this.limits;
    if (!this.changes.has(app, account)) {
      this.limits.met("groupChangesPerSecond", { app, account });
      throw new Refusal(
        Status.RateLimited,
        `you create, join and leave groups too fast: at most ${values.groupChangesPerSecond} a second, ` +
          `${values.groupChangesAtOnce} at once; try again later`,
      );
    }
    if (members > 0 && !this.members.take(app, account, members)) {
      this.limits.met("membersAddedPerSecond", { app, account });
      throw new Refusal(
        Status.RateLimited,
        `you add members to groups too fast: at most ${values.membersAddedPerSecond} a second, ` +
          `${values.membersAddedAtOnce} at once; try again later`,
      );
    }
    this.changes.take(app, account);
  }

  /** Tells that an account may write to known accounts only, for it has written to too many others of late. */
  mayNotMakeAccounts(app: string, account: string): boolean {
    return this.accounts.isSpent(app, account);
  }

  /** Pays for an account that was made because `account` wrote to it. */
  madeAccount(app: string, account: string): void {
    this.accounts.charge(app, account);
  }

  /** Why a talk to an unknown account is not stored after that. */
  get unknownReceiver(): string {
    const { accountsMadePerSecond, accountsMadeAtOnce } = this.limits.values;
    return (
      `you write to too many accounts that nobody has used yet: at most ${accountsMadePerSecond} new ones a second, ` +
      `${accountsMadeAtOnce} at once; try again later`
    );
  }
}
