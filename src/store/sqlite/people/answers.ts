// Answers questions about groups, people and their files by their names, in a snapshot of the reader.

import type { GroupReader } from "../groups/group-reader.ts";
import { type AccountNumbers, secondsOf } from "../groups/group-rows.ts";
import type { MediaItem } from "../../media.ts";
import type { HistoryReader } from "../conversations/history-reader.ts";
import type { MediaReader } from "../media/media-reader.ts";
import type { PeopleReader } from "./people-reader.ts";
import type { PeopleAnswer, PeopleQuestion, QuestionOf } from "./questions.ts";

interface Readers {
  readonly groups: GroupReader;
  readonly persons: PeopleReader;
  readonly media: MediaReader;
  readonly histories: HistoryReader;
  readonly numbers: AccountNumbers;
  /** The watermark of the app. */
  readonly clippedTo: bigint;
}

export function answerOf(question: PeopleQuestion, nowMs: number, from: Readers): PeopleAnswer {
  const { groups, persons, media } = from;
  switch (question.ask) {
    case "invitations":
      return groups.invitations(question, secondsOf(nowMs));
    case "requests":
      return groups.requests(question, secondsOf(nowMs));
    case "groups":
      return groups.groups(question, secondsOf(nowMs));
    case "members":
      return groups.members(question, secondsOf(nowMs));
    case "groupsBeginning":
      return groups.beginningWith(question);
    case "blocked":
      return persons.blocked(question);
    case "consent":
      return persons.consent(question);
    case "profiles":
      return persons.profiles(question);
    case "mayTalk":
      return persons.mayTalk(question, nowMs);
    case "watchable":
      return persons.watchable(question);
    case "guardVersion":
      return persons.guardVersion();
    case "blocksAfter":
      return persons.blocksAfter(question);
    case "lastSeen":
      return persons.lastSeen(question);
    case "pairs":
      return persons.pairs(question);
    case "ownMedia":
      return media.own(question.app, question.account, question.ids);
    case "mediaUse":
      return media.useOf(question.app, question.account);
    case "mediaOf":
      return mediaOf(question, from);
    case "goneMedia":
      return media.gone(BigInt(question.after), question.limit);
  }
}

/** Undefined if the account does not see the message; without an account, if the app has none of that id. */
function mediaOf(
  { app, account, messageId }: QuestionOf<"mediaOf">,
  { media, histories, numbers, clippedTo }: Readers,
): readonly MediaItem[] | undefined {
  const id = BigInt(messageId);
  if (account === undefined) return id <= clippedTo ? undefined : media.ofMessageIn(app, id);
  const me = numbers.findAccount(app, account);
  return me === undefined ? undefined : histories.mediaOf(me, id);
}
