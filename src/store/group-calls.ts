// The part of a GroupStore that the engines share: calls that write become jobs, and those of many accounts go in
// slices, so that messages of others commit in between. Reading is up to the engine.

import { assert } from "../base/assert.ts";
import { groupAddMax } from "../base/limits/fixed.ts";
import type { GroupCall, GroupCallOutcome } from "./change-jobs.ts";
import type {
  AddOutcome,
  GroupChange,
  GroupOutcome,
  GroupStore,
  InvitationDraft,
  MembersRequest,
  OfGroup,
  PinChange,
  Refused,
} from "./groups.ts";
import { sliceMembersMax } from "./jobs.ts";

/** Commits a call. `characters`: of its texts; `cost`: in messages. */
export type WriteGroup = (call: GroupCall, characters: number, cost: number) => Promise<GroupCallOutcome>;
type Stored = Extract<GroupCallOutcome, { readonly result: "stored" }>;

/** An engine's class adds the calls that read. */
export abstract class GroupCalls implements Omit<
  GroupStore,
  "invitations" | "requests" | "pinned" | "groups" | "members" | "beginningWith"
> {
  private readonly write: WriteGroup;

  constructor(write: WriteGroup) {
    this.write = write;
  }

  change(change: GroupChange): Promise<GroupOutcome> {
    const job = change.kind === "mute" ? { ...change, until: `${change.until}` } : change;
    return this.write({ call: "change", change: job }, charactersOf(change), 1);
  }

  async add(request: MembersRequest): Promise<AddOutcome> {
    const [outcomes, leftOut, unwilling]: [GroupOutcome[], string[], string[]] = [[], [], []];
    for (const slice of slicesOf(request)) {
      const answer = await this.write({ call: "add", ...slice }, 0, slice.accounts.length);
      const { leftOut: left = [], unwilling: not = [], ...outcome } = answer;
      leftOut.push(...left);
      unwilling.push(...not);
      if (outcome.result === "unchanged") continue;
      outcomes.push(outcome);
      if (outcome.result !== "stored") break;
    }
    return { outcomes, leftOut, unwilling };
  }

  async remove(request: MembersRequest): Promise<readonly GroupOutcome[]> {
    const outcomes: GroupOutcome[] = [];
    for (const slice of slicesOf(request)) {
      const outcome = await this.write({ call: "remove", ...slice }, 0, slice.accounts.length);
      if (outcome.result === "unchanged") continue;
      outcomes.push(outcome);
      if (outcome.result !== "stored") break;
    }
    return outcomes;
  }

  joinInvited(app: string, account: string, code: string): Promise<GroupOutcome & { readonly group?: string }> {
    return this.write({ call: "joinInvited", app, account, code }, code.length, 1);
  }

  async invite(draft: InvitationDraft): ReturnType<GroupStore["invite"]> {
    const outcome = await this.write({ call: "invite", ...draft }, 0, 1);
    if (outcome.result !== "stored") return outcome;
    const { invitation } = outcome;
    assert(invitation !== undefined, "a new invitation is in its outcome");
    return { result: "stored", invitation };
  }

  async revokeInvitation(group: OfGroup, code: string): ReturnType<GroupStore["revokeInvitation"]> {
    const outcome = await this.write({ call: "revoke", ...group, code }, code.length, 1);
    return outcome.result === "stored" ? { result: "stored" } : outcome;
  }

  async request(request: OfGroup & { readonly text: string }): ReturnType<GroupStore["request"]> {
    const outcome = await this.write({ call: "request", ...request }, request.text.length, 1);
    if (outcome.result !== "stored") return outcome;
    return { result: "stored", admins: adminsOf(outcome), time: outcome.time ?? 0n };
  }

  async withdraw(group: OfGroup): Promise<{ readonly result: "stored"; readonly admins: readonly string[] } | Refused> {
    const outcome = await this.write({ call: "withdraw", ...group }, 0, 1);
    return outcome.result === "stored" ? { result: "stored", admins: adminsOf(outcome) } : outcome;
  }

  answer(answer: OfGroup & { readonly account: string; readonly isAccepted: boolean }): Promise<GroupOutcome> {
    return this.write({ call: "answer", ...answer }, 0, 1);
  }

  pin({ messageId, ...change }: PinChange): Promise<GroupOutcome> {
    return this.write({ call: "pin", ...change, messageId: `${messageId}` }, 0, 1);
  }
}

function adminsOf({ admins }: Stored): readonly string[] {
  assert(admins !== undefined, "who is to be told is in the outcome");
  return admins;
}

function charactersOf(change: GroupChange): number {
  if (change.kind !== "update") return 0;
  const { name = "", avatar = "", introduction = "", announcement = "" } = change;
  return name.length + avatar.length + introduction.length + announcement.length;
}

function slicesOf({ accounts, ...group }: MembersRequest): MembersRequest[] {
  assert(accounts.length <= groupAddMax, "a request names at most groupAddMax accounts");
  const slices: MembersRequest[] = [];
  for (let start = 0; start < accounts.length; start += sliceMembersMax)
    slices.push({ ...group, accounts: accounts.slice(start, start + sliceMembersMax) });
  return slices;
}
