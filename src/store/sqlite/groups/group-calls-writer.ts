// Executes the calls of groups that write, inside the writer's transaction.

import type { GroupCall, GroupCallOutcome } from "../../change-jobs.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "./group-parts.ts";
import { GroupChanges } from "./group-changes.ts";
import { Invitations } from "./invitations.ts";
import { JoinRequests } from "./join-requests.ts";
import { MemberLists } from "./member-lists.ts";
import { Pins } from "./pins.ts";

export class GroupCallsWriter {
  private readonly changes: GroupChanges;
  private readonly lists: MemberLists;
  private readonly invitations: Invitations;
  private readonly requests: JoinRequests;
  private readonly pins: Pins;

  constructor(parts: GroupParts) {
    this.changes = new GroupChanges(parts);
    this.lists = new MemberLists(parts);
    this.invitations = new Invitations(parts);
    this.requests = new JoinRequests(parts);
    this.pins = new Pins(parts);
  }

  /** `needsPairs`: nothing was done, see KnownPairs. */
  write(call: GroupCall, moment: Moment): GroupCallOutcome | "needsPairs" {
    switch (call.call) {
      case "change":
        return this.changes.apply(call.change, moment);
      case "add":
        return this.lists.add(call, moment);
      case "remove":
        return this.lists.remove(call, moment);
      case "joinInvited":
        return this.invitations.join(call, moment);
      case "invite":
        return this.invitations.invite(call, moment);
      case "revoke":
        return this.invitations.revoke(call);
      case "request":
        return this.requests.request(call, moment);
      case "withdraw":
        return this.requests.withdraw(call, moment);
      case "answer":
        return this.requests.answer(call, moment);
      case "pin":
        return this.pins.pin(call, moment);
    }
  }
}
