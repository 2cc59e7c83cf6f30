// Adds and removes many members at once: a slice of a request (group-calls.ts) is one transaction and one entry.

import type { GroupCall, GroupCallOutcome } from "../../change-jobs.ts";
import { rightInGroup } from "../../group-rights.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "./group-parts.ts";
import type { Account } from "./group-rows.ts";

type Slice = Extract<GroupCall, { readonly call: "add" | "remove" }>;

export class MemberLists {
  private readonly parts: GroupParts;

  constructor(parts: GroupParts) {
    this.parts = parts;
  }

  /** Nothing is added if there is no room for all of the slice. */
  add(
    { app, group: id, actor: actorName, accounts: asked, pairs }: Slice,
    moment: Moment,
  ): GroupCallOutcome | "needsPairs" {
    const { names, rows, membership, guards } = this.parts;
    const group = rows.find(app, id);
    if (group === null) return { result: "notFound" };
    const result = rightInGroup("add", rows.facts(group, app, actorName));
    if (result !== "allowed") return { result };
    const actor = { number: names.account(app, actorName), name: actorName };
    const [added, leftOut, unwilling]: [string[], string[], string[]] = [[], [], []];
    for (const name of asked) {
      const known = names.findAccount(app, name);
      if (known !== undefined) {
        if (rows.standing(group, known) !== "stranger") continue;
        const isWilling = guards.mayReach(actor.number, known, "add", pairs?.[name]);
        if (isWilling === undefined) return "needsPairs";
        if (!isWilling) {
          unwilling.push(name);
          continue;
        }
      }
      const isLeftOut = known !== undefined && membership.fullOf(known, false) !== undefined;
      (isLeftOut ? leftOut : added).push(name);
    }
    if (added.length === 0) return { result: "unchanged", leftOut, unwilling };
    if (membership.isFull(group, added.length)) return { result: "full", bound: "groupMembers" };
    const accounts = added.map((name) => ({ number: names.account(app, name), name }));
    return { ...membership.add(group, actor, accounts, false, moment), leftOut, unwilling };
  }

  remove({ app, group: id, actor: actorName, accounts }: Slice, moment: Moment): GroupCallOutcome {
    const { names, rows, membership } = this.parts;
    const group = rows.find(app, id);
    if (group === null) return { result: "notFound" };
    const removed: Account[] = [];
    const facts = rows.facts(group, app, actorName);
    for (const name of accounts) {
      const number = names.findAccount(app, name);
      const result = rightInGroup("remove", {
        ...facts,
        target: rows.standing(group, number),
        isSelf: name === actorName,
      });
      if (result === "unchanged") continue;
      if (result !== "allowed") return { result };
      if (number !== undefined) removed.push({ number, name });
    }
    if (removed.length === 0) return { result: "unchanged" };
    const actor = { number: names.account(app, actorName), name: actorName };
    return membership.end(group, actor, removed, moment);
  }
}
