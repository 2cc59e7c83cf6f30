// Asks a store what the model of conversations can answer, too, and compares the answers.

import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { historyMax } from "../../src/base/limits/fixed.ts";
import type { HistoryQuery } from "../../src/store/conversations.ts";
import type { GroupDetail, IndexQuery, LogQuery, Store } from "../../src/store/store.ts";
import { ConversationListRespSchema, HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { contentsOf } from "../support/contents.ts";
import type { Random } from "../support/random.ts";
import { agree } from "./agree.ts";
import { named } from "./conversation-asks.ts";
import type { ConversationModel } from "./conversation-model.ts";
import { GroupReads } from "./group-reads.ts";
import { type DetailOf, ModelReader } from "./model-reader.ts";

/** What the comparison reads. */
export type ReadStore = Pick<
  Store,
  | "history"
  | "messages"
  | "conversations"
  | "accountState"
  | "readers"
  | "index"
  | "entries"
  | "contents"
  | "groupDetail"
> &
  // What is asked by the protocol has its reads of groups and people elsewhere.
  Partial<Pick<Store, "groups" | "people">>;

export class ConversationReads {
  readonly reader: ModelReader;
  private readonly model: ConversationModel;
  private readonly app: string;
  private readonly groups: GroupReads;

  /** `isShared`: others write to the store meanwhile. */
  constructor(model: ConversationModel, app: string, isShared = false) {
    this.model = model;
    this.app = app;
    this.reader = new ModelReader(model);
    this.groups = new GroupReads(model, app, isShared);
  }

  /** One read of any kind. `ids`: what cursors and requests may name. */
  async any(store: ReadStore, account: string, random: Random, ids: readonly bigint[]): Promise<void> {
    const id = (): bigint => ids[random.below(ids.length)] ?? 0n;
    const limit = 1 + (random.once(3) ? random.below(historyMax) : random.below(4));
    const known = this.reader.conversationsOf(account);
    const names: [string, ...string[]] = ["nobody", account, "@none", ...this.model.groups.names];
    const name = random.once(6) ? random.pick(names) : (known[random.below(known.length)] ?? account);
    if (random.once(3)) return this.groups.any(store, account, random, name);
    switch (random.below(8)) {
      case 0:
      case 1: {
        const thread = random.once(3) ? (this.model.messages.get(id())?.root ?? id()) : 0n;
        const at = random.pick(["before", "after", "around", "newest"] as const);
        const from = at === "newest" ? ({ at } as const) : { at, id: id() };
        return this.history(store, account, name, { from, limit, thread });
      }
      case 2:
        return this.messages(store, account, Array.from({ length: limit }, id));
      case 3:
      case 4: {
        const before = random.once(2) ? 0n : id();
        return this.conversations(store, account, {
          before,
          limit: Math.min(limit, 100),
          includeHidden: random.once(2),
        });
      }
      case 5:
        return this.readers(store, account, id(), { after: random.once(2) ? "" : "p2", limit });
      case 6: {
        const device = random.pick(["phone", "desk", "web"]);
        const asked = { account, device, after: random.once(4) ? 0n : id(), limit };
        await this.index(store, { ...asked, includeSent: random.once(2) });
        return this.entries(store, { ...asked, includeSent: random.once(2), includeEvents: random.once(2) });
      }
      default:
        return this.accountState(store, account, random.once(3) ? 0n : id());
    }
  }

  /** Everything that an account can read. */
  async all(store: ReadStore, account: string): Promise<void> {
    const ids = [...this.model.messages.keys()];
    for (const name of [...this.reader.conversationsOf(account), "nobody", "@none"]) {
      await this.history(store, account, name, { from: { at: "newest" }, limit: historyMax, thread: 0n });
    }
    for (let at = 0; at < ids.length; at += historyMax) {
      await this.messages(store, account, ids.slice(at, at + historyMax));
    }
    for (const includeHidden of [false, true]) {
      await this.conversations(store, account, { before: 0n, limit: 100, includeHidden });
    }
    await this.accountState(store, account, 0n);
    const query = { account, device: "none", after: 1n, limit: 2_000 };
    await this.index(store, { ...query, includeSent: true });
    await this.entries(store, { ...query, includeSent: true, includeEvents: true });
    for (const name of this.model.groups.names) {
      const answer = await store.groupDetail(this.app, name.slice(1), account);
      const told = answer.result === "found" ? detailOf(answer.detail) : answer.result;
      agree(told, this.reader.detail(account, name), `${name} for ${account}`);
    }
    await this.groups.all(store, account);
  }

  async entries(store: ReadStore, query: Omit<LogQuery, "app">): Promise<void> {
    const asked = { app: this.app, ...query };
    const page = await store.entries(asked);
    this.learnLast(page.lastId);
    agree(page, this.reader.entries(asked), `the log of ${query.account} above ${query.after}`);
  }

  /** Refused writes may have used up ids. */
  learnLast(lastId: bigint): void {
    if (lastId < this.model.lastId) throw new Error(`the last id is ${lastId}, but ${this.model.lastId} was told`);
    this.model.lastId = lastId;
  }

  private async history(
    store: ReadStore,
    account: string,
    name: string,
    query: Pick<HistoryQuery, "from" | "limit" | "thread">,
  ): Promise<void> {
    const asked = { app: this.app, account, ...named(name), ...query };
    const answer = await store.history(asked);
    const told = answer === "notFound" ? answer : decoded(HistoryRespSchema, answer);
    agree(told, this.reader.history(asked), `${account}'s history of ${name}, ${pageOf(query)}`);
  }

  private async messages(store: ReadStore, account: string, ids: readonly bigint[]): Promise<void> {
    const told = decoded(HistoryRespSchema, await store.messages(this.app, account, ids));
    const expected = { messages: this.reader.messages(account, ids), hasBefore: false, hasAfter: false };
    agree(told, expected, `messages for ${account}`);
    const contents = await contentsOf(store, this.app, account, ids);
    agree(contents, this.reader.contents(account, ids), `contents for ${account}`);
  }

  private async conversations(
    store: ReadStore,
    account: string,
    query: { readonly before: bigint; readonly limit: number; readonly includeHidden: boolean },
  ): Promise<void> {
    const answer = await store.conversations({ app: this.app, account, ...query });
    const expected = this.reader.conversations({ account, ...query });
    agree(decoded(ConversationListRespSchema, answer), expected, `${account}'s conversations before ${query.before}`);
  }

  private async accountState(store: ReadStore, account: string, since: bigint): Promise<void> {
    const { version: _, hasMore, ...told } = await store.accountState(this.app, account, since, historyMax);
    const expected = {
      settings: this.reader.settings(account, since),
      hiddenMessages: this.reader.hiddenMessages(account, since),
      ...(store.people && this.reader.peopleState(account, since)),
    };
    const isWhole = expected.settings.length + expected.hiddenMessages.length + 100 <= historyMax;
    if (isWhole || !hasMore) agree(told, expected, `${account}'s state since ${since}`);
  }

  private async readers(
    store: ReadStore,
    account: string,
    messageId: bigint,
    page: { readonly after: string; readonly limit: number },
  ): Promise<void> {
    const asked = { app: this.app, account, messageId, ...page };
    agree(await store.readers(asked), this.reader.readers(asked), `readers of ${messageId} for ${account}`);
  }

  private async index(store: ReadStore, query: Omit<IndexQuery, "app">): Promise<void> {
    const asked = { app: this.app, ...query };
    const page = await store.index(asked);
    agree(page, this.reader.index(asked), `the index of ${asked.account} above ${asked.after}`);
  }
}

function detailOf({ members, ...detail }: GroupDetail): DetailOf {
  const { id: _, createdAt: _time, ...rest } = detail;
  return { ...rest, members: members.map(({ account, alias }) => ({ account, alias })) };
}

function pageOf({ from, limit, thread }: Pick<HistoryQuery, "from" | "limit" | "thread">): string {
  return `${limit} ${from.at} ${from.at === "newest" ? "" : from.id} of thread ${thread}`;
}

/** A message as a plain object. */
function decoded(schema: DescMessage, bytes: Uint8Array): unknown {
  return plain(fromBinary(schema, bytes));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name, field]) => !name.startsWith("$") && field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}
