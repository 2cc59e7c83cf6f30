// People (store/people.ts) of the store on PostgreSQL: what is written goes through the batches of changes
// (job-store.ts), but for the times at which accounts were seen, which take no lock of messages.

import type { ConsentState, ConversationName, Profile } from "../../conversations.ts";
import { PeopleCalls, type WritePeople } from "../../people-calls.ts";
import type {
  BlockedPage,
  LastSeen,
  OfAccount,
  PeopleStore,
  StoredBlock,
  TalkAnswer,
  WatchAnswer,
} from "../../people.ts";
import type { Connections } from "../connection.ts";
import type { InLife } from "../life.ts";
import { toText } from "../text.ts";
import { PeopleReader } from "./people-reader.ts";

/** The marks of one transaction. */
const seenMax = 500;

export class PostgresPeople extends PeopleCalls implements PeopleStore {
  private readonly reader: PeopleReader;
  private readonly connections: Connections;
  private readonly inLife: InLife;

  constructor(connections: Connections, inLife: InLife, write: WritePeople) {
    super(write);
    this.reader = new PeopleReader(connections);
    this.connections = connections;
    this.inLife = inLife;
  }

  blocked(app: string, account: string, after: string, limit: number): Promise<BlockedPage> {
    return this.inLife((life) => this.reader.blocked(life, app, account, after, limit));
  }

  consent(app: string, account: string): Promise<ConsentState> {
    return this.inLife((life) => this.reader.consent(life, app, account));
  }

  profiles(app: string, accounts: readonly string[], versions: readonly bigint[]): Promise<readonly Profile[]> {
    return this.inLife((life) => this.reader.profiles(life, app, accounts, versions));
  }

  mayTalk(conversation: OfAccount & ConversationName): Promise<TalkAnswer> {
    return this.inLife((life) => this.reader.mayTalk(life, conversation));
  }

  watchable(app: string, account: string, accounts: readonly string[]): Promise<WatchAnswer> {
    return this.inLife((life) => this.reader.watchable(life, app, account, accounts));
  }

  guardVersion(): Promise<bigint> {
    return this.inLife((life) => this.reader.guardVersion(life));
  }

  blocksAfter(after: bigint, limit: number): Promise<readonly StoredBlock[]> {
    return this.inLife((life) => this.reader.blocksAfter(life, after, limit));
  }

  async markSeen(marks: readonly LastSeen[]): Promise<void> {
    for (let start = 0; start < marks.length; start += seenMax) {
      const slice = marks.slice(start, start + seenMax);
      await this.inLife((life) => this.markSlice(life, slice));
    }
  }

  lastSeen(app: string, accounts: readonly string[]): Promise<readonly number[]> {
    return this.inLife((life) => this.reader.lastSeen(life, app, accounts));
  }

  private async markSlice(life: string, marks: readonly LastSeen[]): Promise<void> {
    await this.connections.run((sql) => {
      const apps = sql.array(
        marks.map(({ app }) => toText(app)),
        "TEXT",
      );
      const accounts = sql.array(
        marks.map(({ account }) => toText(account)),
        "TEXT",
      );
      const minutes = sql.array(
        marks.map(({ minute }) => minute),
        "BIGINT",
      );
      return sql`SELECT roost.mark_seen(${life}, ${apps}, ${accounts}, ${minutes})`;
    });
  }
}
