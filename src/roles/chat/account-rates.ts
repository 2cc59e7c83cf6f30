// Rate limits, at this node, for what an account adds to the store permanently: changes of groups, members, changes of
// what it lets others do and shows of itself, accounts created by writing to unused names; and for tickets of
// files, and guesses of invitations. Rows of accounts and groups are never deleted, so their creation is
// bounded. Each attempt is charged, because even a refusal costs a transaction.
//
// Each node counts by itself, and one account's connections may be served by several: n nodes allow n times the rate.
// A back end, whose payer is '', is never held back: its API key has rates of its own.

import type { Clock } from "../../base/clock.ts";
import { AccountBuckets } from "../../base/account-buckets.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** What the first version of the protocol can do with groups, as the refusal of too much of it says. */
export const oldChanges = "create, join and leave groups";

type Asker = Pick<Context, "app" | "payer">;

export class AccountRates {
  private readonly limits: Limits;
  private readonly changes: AccountBuckets;
  private readonly members: AccountBuckets;
  private readonly accounts: AccountBuckets;
  private readonly people: AccountBuckets;
  private readonly invitations: AccountBuckets;
  private readonly media: AccountBuckets;

  constructor(limits: Limits, clock: Pick<Clock, "monotonicMs">) {
    const { values } = limits;
    this.limits = limits;
    this.changes = new AccountBuckets(values.groupChangesPerSecond, values.groupChangesAtOnce, clock);
    this.members = new AccountBuckets(values.membersAddedPerSecond, values.membersAddedAtOnce, clock);
    this.accounts = new AccountBuckets(values.accountsMadePerSecond, values.accountsMadeAtOnce, clock);
    this.people = new AccountBuckets(values.peopleChangesPerSecond, values.peopleChangesAtOnce, clock);
    this.invitations = new AccountBuckets(values.invitationTriesPerMinute / 60, values.invitationTriesAtOnce, clock);
    this.media = new AccountBuckets(values.mediaTicketsPerSecond, values.mediaTicketsAtOnce, clock);
    limits.measure("groupChangesAtOnce", () => this.changes.largestUse);
    limits.measure("membersAddedAtOnce", () => this.members.largestUse);
    limits.measure("accountsMadeAtOnce", () => this.accounts.largestUse);
    limits.measure("peopleChangesAtOnce", () => this.people.largestUse);
    limits.measure("invitationTriesAtOnce", () => this.invitations.largestUse);
    limits.measure("mediaTicketsAtOnce", () => this.media.largestUse);
  }

  /**
   * Charges one change of a group that adds `members`. Throws RateLimited, without a charge, above the rate; `what` is
   * what the sentence says of it.
   */
  changeGroup({ app, payer: account }: Asker, members: number, what = "change groups"): void {
    if (account === "") return;
    const { values } = this.limits;
    if (!this.changes.has(app, account)) {
      this.limits.met("groupChangesPerSecond", { app, account });
      throw new Refusal(
        Status.RateLimited,
        `you ${what} too fast: at most ${values.groupChangesPerSecond} a second, ` +
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

  /** Charges one change of blocks, settings or the profile. Throws RateLimited, without a charge, above the rate. */
  changePeople({ app, payer: account }: Asker): void {
    if (account === "" || this.people.take(app, account)) return;
    this.limits.met("peopleChangesPerSecond", { app, account });
    const { peopleChangesPerSecond, peopleChangesAtOnce } = this.limits.values;
    throw new Refusal(
      Status.RateLimited,
      `you change blocks, settings and your profile too fast: at most ${peopleChangesPerSecond} a second, ` +
        `${peopleChangesAtOnce} at once; try again later`,
    );
  }

  /** Charges questions about files, to where they are. Throws RateLimited, without a charge, above the rate. */
  askMedia({ app, payer: account }: Asker, questions: number): void {
    if (account === "" || questions <= 0 || this.media.take(app, account, questions)) return;
    this.limits.met("mediaTicketsPerSecond", { app, account });
    const { mediaTicketsPerSecond, mediaTicketsAtOnce } = this.limits.values;
    throw new Refusal(
      Status.RateLimited,
      `you ask for tickets of files too fast: at most ${mediaTicketsPerSecond} a second, ` +
        `${mediaTicketsAtOnce} at once; try again later`,
    );
  }

  /** Charges one guess of an invitation. Throws RateLimited, without a charge, above the rate. */
  tryInvitation({ app, payer: account }: Asker): void {
    if (account === "" || this.invitations.take(app, account)) return;
    this.limits.met("invitationTriesPerMinute", { app, account });
    const { invitationTriesPerMinute, invitationTriesAtOnce } = this.limits.values;
    throw new Refusal(
      Status.RateLimited,
      `too many of your invitations were wrong: at most ${invitationTriesPerMinute} a minute, ` +
        `${invitationTriesAtOnce} at once; try again later`,
    );
  }

  /** Gives back what `tryInvitation` has charged for an invitation that was no guess. */
  hadInvitation({ app, payer: account }: Asker): void {
    if (account !== "") this.invitations.charge(app, account, -1);
  }

  /** Reports whether an account may write to known accounts only, because it has recently created too many. */
  mayNotMakeAccounts({ app, payer: account }: Asker): boolean {
    return account !== "" && this.accounts.isSpent(app, account);
  }

  /** Charges for an account that a talk created. */
  madeAccount({ app, payer: account }: Asker): void {
    if (account !== "") this.accounts.charge(app, account);
  }

  /** The refusal of a talk to an unknown account. */
  get unknownReceiver(): string {
    const { accountsMadePerSecond, accountsMadeAtOnce } = this.limits.values;
    return (
      `you write to too many accounts that nobody has used yet: at most ${accountsMadePerSecond} new ones a second, ` +
      `${accountsMadeAtOnce} at once; try again later`
    );
  }
}
