// The random writes of a run that concern groups and people (conversation-run.ts), and how the model is told of them.

import { type Consent, consents } from "../../src/store/group-rights.ts";
import type { GroupChange, GroupUpdate } from "../../src/store/groups.ts";
import type { Random } from "../support/random.ts";
import type { ConversationModel } from "./conversation-model.ts";
import type { DoneWrite, Write, WriteOf } from "./conversation-write.ts";
import { nowSeconds } from "./model-groups.ts";

export const accounts: readonly [string, ...string[]] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];
/** Accounts that only fill large groups, more than are told loudly. */
const fillers: readonly string[] = Array.from({ length: 520 }, (_, i) => `f${i}`);

type GroupKind =
  | "update"
  | "role"
  | "transfer"
  | "mute"
  | "alias"
  | "dismiss"
  | "add"
  | "large"
  | "remove"
  | "invite"
  | "revoke"
  | "enter"
  | "request"
  | "withdraw"
  | "answer"
  | "block"
  | "consent"
  | "profile"
  | "seen";

/** Whom a command is about. */
interface Whom {
  readonly account: string;
  readonly other: string;
  /** A group's id. */
  readonly group: string;
}

const texts = ["", "new", "é😀", "x".repeat(64)] as const;

export class GroupCommands {
  private readonly app: string;
  private readonly model: ConversationModel;
  private readonly codes: string[] = [];

  constructor(app: string, model: ConversationModel) {
    this.app = app;
    this.model = model;
  }

  /** Mostly the owner or an admin of a group, else the account. */
  admin(group: string, account: string, random: Random): string {
    const its = this.model.groups.get(`@${group}`);
    if (its === undefined || random.once(4)) return account;
    return random.pick([its.owner, ...its.admins]);
  }

  write(kind: GroupKind, whom: Whom, random: Random): Write {
    const { app } = this;
    const { account, group } = whom;
    const admin = this.admin(group, account, random);
    const of = { app, group, actor: account };
    switch (kind) {
      case "update":
      case "role":
      case "transfer":
      case "mute":
      case "alias":
      case "dismiss":
        return { method: "changeGroup", change: this.change(kind, whom, random) };
      case "add":
        return { method: "addMembers", request: { ...of, actor: admin, accounts: this.some(admin, random) } };
      case "large": {
        // So many that who joins and leaves then is told quietly, or that they do not fit in.
        const many = fillers.slice(0, 492 + random.below(10));
        return { method: "addMembers", request: { ...of, actor: admin, accounts: many } };
      }
      case "remove":
        return { method: "removeMembers", request: { ...of, actor: admin, accounts: this.some(admin, random) } };
      case "invite": {
        const code = `${app} code ${this.codes.length}`;
        this.codes.push(code);
        const [uses, validSeconds] = [random.below(3), random.once(9) ? 0 : 9_000];
        return { method: "invite", draft: { ...of, actor: admin, code, uses, validSeconds } };
      }
      case "revoke":
        return { method: "revoke", of: { ...of, actor: admin }, code: this.code(random) };
      case "enter":
        return { method: "joinInvited", account, code: this.code(random) };
      case "request":
        return this.request(whom, random);
      case "withdraw": {
        const one = this.asked(random);
        return { method: "withdraw", of: one === undefined ? of : { app, group: one.group, actor: one.asker } };
      }
      case "answer":
        return this.answer(whom, random);
      case "block": {
        const blocked = random.once(8) ? `n${random.below(4)}` : whom.other;
        const isOther = blocked !== account;
        const change = { app, account, blocked: isOther ? blocked : "p9 too", isOff: random.once(3) };
        return { method: "block", change: { ...change, ...(random.once(3) && { toKnown: true }) } };
      }
      case "consent": {
        // Everybody more often, so that runs go on.
        const consent = (): Consent => random.pick(["everybody", "everybody", ...consents]);
        const [write, add] = [consent(), consent()];
        return {
          method: "setConsent",
          change: { app, account, ...(random.once(2) && { write }), ...(random.once(2) && { add }) },
        };
      }
      case "profile": {
        const [name, avatar, extra] = [random.pick(texts), random.pick(texts), random.pick(texts)];
        const change = {
          ...(random.once(2) && { name }),
          ...(random.once(3) && { avatar }),
          ...(random.once(3) && { extra }),
        };
        return { method: "setProfile", change: { app, account, ...change } };
      }
      case "seen": {
        const minute = (): number => 30_000_000 + random.below(100);
        const marks = [account, whom.other, "nobody"].map((name) => ({ app, account: name, minute: minute() }));
        return { method: "markSeen", marks: account === whom.other ? marks.slice(1) : marks };
      }
    }
  }

  private change(kind: GroupChange["kind"], { account, other, group }: Whom, random: Random): GroupChange {
    const { app } = this;
    const its = this.model.groups.get(`@${group}`);
    const owner = random.once(4) ? account : (its?.owner ?? account);
    const admin = this.admin(group, account, random);
    const members = [...(its?.members ?? [])].slice(0, 12);
    const target = random.once(5) ? other : (members[random.below(members.length)] ?? other);
    switch (kind) {
      case "update":
        return this.update(admin, group, random);
      case "role":
        return { kind, app, group, actor: owner, account: target, role: random.once(3) ? "member" : "admin" };
      case "transfer":
        return { kind, app, group, actor: owner, account: target };
      case "mute": {
        const until = random.pick([0n, 0n, 5n, nowSeconds() + 90_000n, 253_402_300_799n]);
        return { kind, app, group, actor: admin, account: target, until };
      }
      case "alias":
        return { kind, app, group, actor: account, alias: random.pick(texts) };
      case "dismiss":
        return { kind, app, group, actor: owner };
    }
  }

  private update(actor: string, group: string, random: Random): GroupUpdate {
    const flag = (): boolean => random.once(3);
    const [isClosed, hasApproval, isForAdmins] = [flag(), !flag(), flag()];
    const [name, avatar, introduction, announcement] = [random, random, random, random].map(() => random.pick(texts));
    return {
      kind: "update",
      app: this.app,
      group,
      actor,
      ...(random.once(3) && { isClosed }),
      ...(random.once(3) && { hasApproval }),
      ...(random.once(4) && { isForAdmins }),
      ...(random.once(3) && { name: name ?? "" }),
      ...(random.once(5) && { avatar: avatar ?? "" }),
      ...(random.once(5) && { introduction: introduction ?? "" }),
      ...(random.once(5) && { announcement: announcement ?? "" }),
    };
  }

  /** Without the actor; now and then more than a slice. */
  private some(actor: string, random: Random): string[] {
    const few = accounts.filter((account) => account !== actor && random.once(4));
    const many = random.once(9) ? fillers.slice(0, 180 + random.below(60)) : [];
    return few.length + many.length === 0 ? ["p8", "p9"].filter((account) => account !== actor) : [...few, ...many];
  }

  private code(random: Random): string {
    const { codes } = this;
    return random.once(8)
      ? "no code"
      : (codes[codes.length - 1 - random.below(Math.min(codes.length, 6))] ?? "no code");
  }

  /** Mostly a group that takes members by approval. */
  private approved(group: string, random: Random): string {
    const fitting = this.model.groups.names.filter((name) => {
      const its = this.model.groups.get(name);
      return its !== undefined && its.members.size > 0 && its.flags.hasApproval;
    });
    return random.once(4) ? group : (fitting[random.below(fitting.length)]?.slice(1) ?? group);
  }

  /** Asks to join a group that takes members by approval; if there is none, one is made to. */
  private request({ account, group }: Whom, random: Random): Write {
    const { app, model } = this;
    const fitting = this.approved(group, random);
    const its = model.groups.get(`@${fitting}`);
    if (its !== undefined && (!its.flags.hasApproval || its.flags.isClosed) && !random.once(4)) {
      const change = { app, group: fitting, actor: its.owner, hasApproval: true, isClosed: false } as const;
      return { method: "changeGroup", change: { kind: "update", ...change } };
    }
    const strangers = accounts.filter((each) => its?.members.has(each) === false);
    const asker = random.once(5) ? account : (strangers[random.below(strangers.length)] ?? account);
    return { method: "request", request: { app, group: fitting, actor: asker, text: random.pick(texts) } };
  }

  /** Mostly a request that stands. */
  private asked(random: Random): { readonly group: string; readonly asker: string } | undefined {
    const asked = this.model.groups.names.flatMap((name) => {
      const its = this.model.groups.get(name);
      return [...(its?.requests.keys() ?? [])].map((asker) => ({ group: name.slice(1), asker }));
    });
    return random.once(6) ? undefined : asked[random.below(asked.length)];
  }

  private answer({ account, other, group }: Whom, random: Random): Write {
    const one = this.asked(random);
    const about = one ?? { group, asker: other };
    const actor = this.admin(about.group, account, random);
    const of = { app: this.app, group: about.group, actor };
    return { method: "answer", answer: { ...of, account: about.asker, isAccepted: random.once(2) } };
  }
}

type OfGroups = Exclude<
  DoneWrite["method"],
  "append" | "change" | "set" | "hide" | "markRead" | "acknowledge" | "createGroup" | "join" | "quit"
>;

/** Tells the model of a write; throws unless it was answered as the model says. */
export function tellOfGroups(model: ConversationModel, done: Extract<DoneWrite, WriteOf<OfGroups>>): void {
  const { groupWrites, people } = model;
  switch (done.method) {
    case "changeGroup":
      return groupWrites.change(done.change, done.outcome);
    case "addMembers":
      return groupWrites.add(done.request, done.outcome);
    case "removeMembers":
      return groupWrites.remove(done.request, done.outcome);
    case "joinInvited":
      return groupWrites.joinInvited(done.account, done.code, done.outcome);
    case "invite":
      return groupWrites.invite(done.draft, done.outcome);
    case "revoke":
      return groupWrites.revoke(done.of, done.code, done.outcome);
    case "request":
      return groupWrites.request(done.request, done.outcome);
    case "withdraw":
      return groupWrites.withdraw(done.of, done.outcome);
    case "answer":
      return groupWrites.answer(done.answer, done.outcome);
    case "pin":
      return groupWrites.pin(done.change, done.outcome);
    case "block": {
      people.block(done.change, done.outcome);
      model.accounts.add(done.change.account);
      if (done.outcome.result === "stored") model.accounts.add(done.change.blocked);
      return;
    }
    case "setConsent":
      return people.setConsent(done.change, done.outcome);
    case "setProfile":
      return people.setProfile(done.change, done.outcome);
    case "markSeen":
      return people.markSeen(done.marks);
  }
}
