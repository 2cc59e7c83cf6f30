// Asks a store what the model of conversations can answer of groups and people, and compares the answers.

import { fromBinary } from "@bufbuild/protobuf";
import type { GroupStore, GroupView, MembersAnswer, PagedMember } from "../../src/store/groups.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import type { Store } from "../../src/store/store.ts";
import { HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import type { Random } from "../support/random.ts";
import { agree } from "./agree.ts";
import { named } from "./conversation-asks.ts";
import type { ConversationModel } from "./conversation-model.ts";
import { ModelGroupReader, type ModelMember } from "./model-group-reader.ts";

/** Absent from what is asked by the protocol. */
type Parts = Partial<Pick<Store, "groups" | "people">>;

export class GroupReads {
  private readonly model: ConversationModel;
  private readonly app: string;
  private readonly isShared: boolean;
  private readonly reader: ModelGroupReader;

  /** `isShared`: others write to the store meanwhile. */
  constructor(model: ConversationModel, app: string, isShared: boolean) {
    this.model = model;
    this.app = app;
    this.isShared = isShared;
    this.reader = new ModelGroupReader(model);
  }

  /** One read of any kind; nothing of a store without groups. `name`: of a conversation. */
  async any({ groups, people }: Parts, account: string, random: Random, name: string): Promise<void> {
    if (groups === undefined || people === undefined) return;
    const all: readonly string[] = ["", "nobody", ...this.model.accounts];
    const someone = (): string => all[random.below(Math.min(all.length, 14))] ?? "";
    const limit = 1 + random.below(random.once(3) ? 200 : 4);
    const [firstName = "@none", ...rest] = this.model.groups.names;
    const group = (name.startsWith("@") ? name : random.pick([firstName, ...rest])).slice(1);
    switch (random.below(8)) {
      case 0:
        return this.members(groups, account, group, { after: someone(), limit, isAdminsOnly: random.once(3) });
      case 1:
        return this.invitations(groups, account, group);
      case 2:
        return this.requests(groups, account, group, { after: someone(), limit });
      case 3:
        return this.pinned(groups, account, name);
      case 4:
        return this.groupsOf(groups, account, random.once(2) ? "" : group, limit);
      case 5:
        return this.rights(people, account, name);
      case 6:
        return this.blocks(people, account, someone(), limit);
      default:
        return this.profiles(people, account, [someone(), someone(), account]);
    }
  }

  /** Everything that an account can read. */
  async all({ groups, people }: Parts, account: string): Promise<void> {
    if (groups === undefined || people === undefined) return;
    const accounts = [...this.model.accounts].slice(0, 14);
    for (const name of [...this.model.groups.names, "@none"]) {
      const id = name.slice(1);
      for (const isAdminsOnly of [false, true])
        await this.members(groups, account, id, { after: "", limit: 200, isAdminsOnly });
      await this.members(groups, account, id, { after: "", limit: 0, isAdminsOnly: false });
      await this.invitations(groups, account, id);
      await this.requests(groups, account, id, { after: "", limit: 200 });
    }
    for (const name of [...this.model.groups.names, ...accounts, "@none", "nobody"]) {
      await this.pinned(groups, account, name);
      await this.rights(people, account, name);
    }
    await this.groupsOf(groups, account, "", 200);
    await this.blocks(people, account, "", 200);
    await this.profiles(people, account, accounts);
  }

  private async members(
    store: GroupStore,
    asker: string,
    group: string,
    page: { readonly after: string; readonly limit: number; readonly isAdminsOnly: boolean },
  ): Promise<void> {
    const what = `members of ${group} after ${page.after} for ${asker}`;
    const answer: MembersAnswer = await store.members({ app: this.app, group, asker, ...page });
    const refusal = this.reader.seeRefusal(asker, group);
    if (refusal !== undefined || answer.result !== "found") return agree(answer, { result: refusal ?? "found" }, what);
    agree(viewWithoutTime(answer.group), this.reader.view(asker, group), `${group} for ${asker}`);
    const all = this.reader.members(group, page.isAdminsOnly);
    const order = new Map([...this.model.accounts].map((account, at) => [account, at]));
    const placeOf = (account: string): number => order.get(account) ?? -1;
    const rest = all.filter(({ account }) => placeOf(account) > placeOf(page.after));
    agree(answer.items.length, Math.min(page.limit, rest.length), `how many ${what}`);
    agree(answer.hasMore, page.limit > 0 && rest.length > page.limit, `whether there are more ${what}`);
    const told = answer.items.map(withoutTime);
    // Accounts that a store learns of together may have numbers in any order.
    const isOrdered = ({ account }: ModelMember): boolean => placeOf(account) < orderedAccounts;
    agree(told.filter(isOrdered), rest.filter(isOrdered).slice(0, page.limit), what);
    const others = new Map(rest.map((member) => [member.account, member]));
    for (const member of told) agree(member, others.get(member.account), what);
    agree(new Set(told.map(({ account }) => account)).size, told.length, `different ${what}`);
  }

  private async invitations(store: GroupStore, actor: string, group: string): Promise<void> {
    const of = { app: this.app, group, actor };
    agree(await store.invitations(of), this.reader.invitations(of), `invitations to ${group} for ${actor}`);
  }

  private async requests(
    store: GroupStore,
    actor: string,
    group: string,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<void> {
    const of = { app: this.app, group, actor };
    const expected = this.reader.requests(of, after, limit);
    agree(await store.requests(of, after, limit), expected, `requests to join ${group} after ${after} for ${actor}`);
  }

  private async pinned(store: GroupStore, account: string, name: string): Promise<void> {
    const body = await store.pinned({ app: this.app, account, ...named(name) });
    const told =
      body === "notFound" ? body : fromBinary(HistoryRespSchema, body).messages.map(({ messageId }) => messageId);
    agree(told, this.reader.pinned(account, name), `what is pinned in ${name} for ${account}`);
  }

  private async groupsOf(store: GroupStore, account: string, after: string, limit: number): Promise<void> {
    const { items, ...page } = await store.groups(this.app, account, after, limit);
    const told = { ...page, items: items.map(viewWithoutTime) };
    agree(told, this.reader.groups(account, after, limit), `groups of ${account} after ${after}`);
  }

  private async rights(store: PeopleStore, account: string, name: string): Promise<void> {
    const { right } = await store.mayTalk({ app: this.app, account, ...named(name) });
    agree(right, this.reader.mayTalk(account, name), `whether ${account} may talk in ${name}`);
    const accounts = [account, "nobody", ...[...this.model.accounts].slice(0, 14)];
    const { allowed } = await store.watchable(this.app, account, [...new Set(accounts)]);
    agree(allowed, this.reader.watchable(account, [...new Set(accounts)]), `whom ${account} may watch`);
  }

  private async blocks(store: PeopleStore, account: string, after: string, limit: number): Promise<void> {
    const { app, model, reader, isShared } = this;
    const page = await store.blocked(app, account, after, limit);
    agree(page, reader.blocked(account, after, limit), `whom ${account} blocks after ${after}`);
    agree(await store.consent(app, account), model.people.consentOf(account), `whom ${account} lets reach it`);
    const version = await store.guardVersion();
    if (version < model.people.guardVersion || (!isShared && version > model.lastId))
      throw new Error(`the version of blocks is ${version}, and one has ${model.people.guardVersion}`);
    const from = model.people.inForce[1]?.version ?? 0n;
    const blocks = await store.blocksAfter(from, 10_000);
    const mine = blocks.filter((block) => block.app === app);
    agree(mine, reader.blocksAfter(app, from, 10_000), `blocks after ${from}`);
  }

  private async profiles(store: PeopleStore, account: string, names: readonly string[]): Promise<void> {
    const { app, model, reader } = this;
    const accounts = [...new Set(names)];
    const versions = accounts.map((name, at) => (at % 2 === 0 ? model.people.profileOf(name).version : 0n));
    const told = await store.profiles(app, accounts, versions);
    agree(told, reader.profiles(accounts, versions), `profiles for ${account}`);
    const seen = await store.lastSeen(app, accounts);
    agree(
      seen,
      accounts.map((name) => model.people.lastSeen(name)),
      `when ${accounts.join(", ")} were seen`,
    );
  }
}

/** The accounts of a run that a store learns of one by one, before all others. */
const orderedAccounts = 10;

function withoutTime(paged: PagedMember): ModelMember {
  const { joinTime: _, ...member } = paged;
  return member;
}

function viewWithoutTime(view: GroupView): Omit<GroupView, "createdAt"> {
  const { createdAt: _, ...rest } = view;
  return rest;
}
