// Groups on the main thread: what is read is asked from the reader, what is written goes through the batches of changes
// (job-store.ts).

import { assert } from "../../../base/assert.ts";
import { GroupCalls, type WriteGroup } from "../../group-calls.ts";
import type {
  GroupStore,
  GroupView,
  Invitation,
  JoinRequest,
  MembersAnswer,
  MembersQuery,
  NamedGroup,
  OfGroup,
  Page,
  Refused,
} from "../../groups.ts";
import { answerTo } from "../people/ask-reader.ts";
import type { RequestTarget } from "../protocol.ts";

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

  beginningWith(app: string, digits: string, limit: number): Promise<readonly NamedGroup[]> {
    return answerTo(this.reader, { ask: "groupsBeginning", app, digits, limit });
  }
}
