// Groups and people on the main thread: what is read is asked from the reader, what is written goes through the batches
// of changes (job-store.ts).

import { assert } from "../../../base/assert.ts";
import type { ConsentState, ConversationName, Profile } from "../../conversations.ts";
import { GroupCalls, type WriteGroup } from "../../group-calls.ts";
import type {
  GroupStore,
  GroupView,
  Invitation,
  JoinRequest,
  MembersAnswer,
  MembersQuery,
  OfGroup,
  Page,
  Refused,
} from "../../groups.ts";
import { PeopleCalls, type WritePeople } from "../../people-calls.ts";
import type { BlockedPage, LastSeen, OfAccount, PeopleStore, StoredBlock, TalkAnswer } from "../../people.ts";
import type { Answer, Request, RequestTarget } from "../protocol.ts";
import type { Asked, PeopleAnswers, QuestionOf } from "./questions.ts";

/** Accounts of one request to the reader; others' reads come in between. */
const watchableSlice = 20;

export class SqliteGroups extends GroupCalls implements GroupStore {
  private readonly reader: RequestTarget;

  constructor(reader: RequestTarget, write: WriteGroup) {
    super(write);
    this.reader = reader;
  }

  invitations(group: OfGroup): Promise<Page<Invitation> | Refused> {
    return answerTo(this.reader, { ask: "invitations", ...group });
  }

  requests(group: OfGroup, after: string, limit: number): Promise<Page<JoinRequest> | Refused> {
    return answerTo(this.reader, { ask: "requests", ...group, after, limit });
  }

  async pinned(query: Parameters<GroupStore["pinned"]>[0]): Promise<Uint8Array | "notFound"> {
    const answer = await this.reader.call({ kind: "pinned", ...query });
    if (answer.kind === "none") return "notFound";
    assert(answer.kind === "contents", "pinned messages are answered with contents");
    return answer.encoded;
  }

  groups(app: string, account: string, after: string, limit: number): Promise<Page<GroupView>> {
    return answerTo(this.reader, { ask: "groups", app, account, after, limit });
  }

  members(query: MembersQuery): Promise<MembersAnswer> {
    return answerTo(this.reader, { ask: "members", ...query });
  }
}

export class SqlitePeople extends PeopleCalls implements PeopleStore {
  private readonly reader: RequestTarget;
  /** The thread of read cursors, beside which the times are at which accounts were seen. */
  private readonly reads: RequestTarget;

  constructor(reader: RequestTarget, reads: RequestTarget, write: WritePeople) {
    super(write);
    this.reader = reader;
    this.reads = reads;
  }

  blocked(app: string, account: string, after: string, limit: number): Promise<BlockedPage> {
    return answerTo(this.reader, { ask: "blocked", app, account, after, limit });
  }

  consent(app: string, account: string): Promise<ConsentState> {
    return answerTo(this.reader, { ask: "consent", app, account });
  }

  profiles(app: string, accounts: readonly string[], versions: readonly bigint[]): Promise<readonly Profile[]> {
    return answerTo(this.reader, { ask: "profiles", app, accounts, versions: versions.map(String) });
  }

  mayTalk(conversation: OfAccount & ConversationName): Promise<TalkAnswer> {
    return answerTo(this.reader, { ask: "mayTalk", ...conversation });
  }

  /** In slices: whether two of thousands of groups each have one in common takes the reader milliseconds. */
  async watchable(app: string, account: string, accounts: readonly string[]): Promise<readonly string[]> {
    const found: string[] = [];
    for (let start = 0; start < accounts.length; start += watchableSlice) {
      const slice = accounts.slice(start, start + watchableSlice);
      found.push(...(await answerTo(this.reader, { ask: "watchable", app, account, accounts: slice })));
    }
    return found;
  }

  guardVersion(): Promise<bigint> {
    return answerTo(this.reader, { ask: "guardVersion" });
  }

  blocksAfter(after: bigint, limit: number): Promise<readonly StoredBlock[]> {
    return answerTo(this.reader, { ask: "blocksAfter", after: `${after}`, limit });
  }

  async markSeen(marks: readonly LastSeen[]): Promise<void> {
    await this.reads.call({ kind: "seen", marks });
  }

  lastSeen(app: string, accounts: readonly string[]): Promise<readonly number[]> {
    return answerTo(this.reader, { ask: "lastSeen", app, accounts });
  }
}

/** Asks the reader a question. */
export async function answerTo<Name extends Asked>(
  reader: RequestTarget,
  question: QuestionOf<Name> & { readonly ask: Name },
): Promise<PeopleAnswers[Name]> {
  const request: Request = { kind: "people", question };
  const answer: Answer = await reader.call(request);
  assert(answer.kind === "people", "a question about people is answered with its answer");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- people-reader.ts answers by the question's name
  return answer.answer as PeopleAnswers[Name];
}
