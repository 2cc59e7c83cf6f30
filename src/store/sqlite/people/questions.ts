// What the store asks the reader about groups, people and their files, and the answers: a value for each question, by
// its name. Ids in questions are decimal text.

import type { ConsentState, ConversationName, HistoryQuery, Profile } from "../../conversations.ts";
import type {
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
import type { GoneMedia, MediaItem, MediaUse, OwnMedia } from "../../media.ts";
import type { BlockedPage, OfAccount, StoredBlock, TalkAnswer, WatchAnswer } from "../../people.ts";

/** Where a page begins: after the name of the last one of the page before; '' for the first. */
interface PageOf {
  readonly after: string;
  readonly limit: number;
}

interface Questions {
  readonly invitations: OfGroup;
  readonly requests: OfGroup & PageOf;
  readonly groups: OfAccount & PageOf;
  readonly members: MembersQuery;
  readonly groupsBeginning: { readonly app: string; readonly digits: string; readonly limit: number };
  readonly blocked: OfAccount & PageOf;
  readonly consent: OfAccount;
  readonly profiles: {
    readonly app: string;
    readonly accounts: readonly string[];
    readonly versions: readonly string[];
  };
  readonly mayTalk: OfAccount & ConversationName;
  readonly watchable: OfAccount & { readonly accounts: readonly string[] };
  readonly guardVersion: object;
  readonly blocksAfter: { readonly after: string; readonly limit: number };
  readonly lastSeen: { readonly app: string; readonly accounts: readonly string[] };
  /** Which of the accounts have a direct conversation with this one. */
  readonly pairs: OfAccount & { readonly accounts: readonly string[] };
  readonly ownMedia: OfAccount & { readonly ids: readonly string[] };
  readonly mediaUse: OfAccount;
  readonly mediaOf: { readonly app: string; readonly account: string | undefined; readonly messageId: string };
  readonly goneMedia: { readonly after: string; readonly limit: number };
}

/** The answers by question. */
export interface PeopleAnswers {
  readonly invitations: Page<Invitation> | Refused;
  readonly requests: Page<JoinRequest> | Refused;
  readonly groups: Page<GroupView>;
  readonly members: MembersAnswer;
  readonly groupsBeginning: readonly NamedGroup[];
  readonly blocked: BlockedPage;
  readonly consent: ConsentState;
  readonly profiles: readonly Profile[];
  readonly mayTalk: TalkAnswer;
  readonly watchable: WatchAnswer;
  readonly guardVersion: bigint;
  readonly blocksAfter: readonly StoredBlock[];
  readonly lastSeen: readonly number[];
  readonly pairs: readonly string[];
  readonly ownMedia: readonly OwnMedia[];
  readonly mediaUse: MediaUse;
  readonly mediaOf: readonly MediaItem[] | undefined;
  readonly goneMedia: readonly GoneMedia[];
}

export type Asked = keyof PeopleAnswers;
export type PeopleQuestion = { readonly [Name in Asked]: Questions[Name] & { readonly ask: Name } }[Asked];
/** The question of a name. */
export type QuestionOf<Name extends Asked> = Extract<PeopleQuestion, { readonly ask: Name }>;
export type PeopleAnswer = PeopleAnswers[Asked];

/** Which messages are pinned in a conversation; the answer is a body of HistoryResp. */
export type PinnedQuestion = Pick<HistoryQuery, "app" | "account" | "toGroup" | "dest">;
