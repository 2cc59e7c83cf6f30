// Answers questions about groups and people by their names, in a snapshot of the reader.

import type { GroupReader } from "../groups/group-reader.ts";
import { secondsOf } from "../groups/group-rows.ts";
import type { PeopleReader } from "./people-reader.ts";
import type { PeopleAnswer, PeopleQuestion } from "./questions.ts";

export function answerOf(
  question: PeopleQuestion,
  nowMs: number,
  groups: GroupReader,
  persons: PeopleReader,
): PeopleAnswer {
  switch (question.ask) {
    case "invitations":
      return groups.invitations(question, secondsOf(nowMs));
    case "requests":
      return groups.requests(question, secondsOf(nowMs));
    case "groups":
      return groups.groups(question, secondsOf(nowMs));
    case "members":
      return groups.members(question, secondsOf(nowMs));
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
  }
}
