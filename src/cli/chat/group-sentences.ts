// The sentences about what somebody did to a group, or to its members.

import { namedText } from "../../base/printable.ts";
import type { GroupChange, GroupDetail } from "../../sdk/community/community-types.ts";
import { bodyText, nameList, timeText } from "./format.ts";

/** What a sentence needs besides the change. */
interface Told {
  /** The signed-in account. */
  readonly me: string;
  /** The group's name, for display. */
  readonly name: string;
  /** The group as the change has made it; undefined if that is not known. */
  readonly detail: GroupDetail | undefined;
}

type Sentence = (change: GroupChange, told: Told, who: string, whom: string) => string;

/** By kind: each without its mark. */
const sentences: { readonly [Kind in GroupChange["kind"]]: Sentence } = {
  created: ({ actor }, { me, name }, _, whom) =>
    actor === me ? `you created group ${name}` : `you are in a new group ${name} with ${whom}`,
  joined: ({ actor, accounts }, { me, name }, who, whom) => {
    const isAlone = isBy(actor, accounts);
    if (accounts.includes(me)) return `you are in group ${name}${isAlone ? "" : `: ${who} added you`}`;
    return isAlone ? `${who} joined ${name}` : `${who} added ${whom} to ${name}`;
  },
  left: ({ accounts }, { me, name }, _, whom) =>
    accounts.includes(me) ? `you are not in group ${name} any more` : `${whom} left ${name}`,
  removed: ({ accounts }, { me, name }, who, whom) =>
    accounts.includes(me)
      ? `you are not in group ${name} any more: ${who} removed you`
      : `${who} removed ${whom} from ${name}`,
  role: ({ role }, { name }, who, whom) =>
    role === "member"
      ? `${who} made ${whom} an ordinary member of ${name}`
      : `${who} made ${whom} an ${role} of ${name}`,
  muted: ({ until }, { name }, who, whom) =>
    until === undefined
      ? `${who} unmuted ${whom} in ${name}`
      : `${who} muted ${whom} in ${name} until ${timeText(until)}`,
  transferred: (_, { name }, who, whom) => `${who} made ${whom} the owner of ${name}`,
  dismissed: (_, { name }, who) => `${who} dismissed group ${name}: nobody can write to it any more`,
  alias: ({ accounts }, { name, me }, who, whom) =>
    accounts.includes(me) ? `you have another name in ${name}` : `${whom || who} has another name in ${name}`,
  updated: ({ fields }, { name, detail }, who) => {
    const [only] = fields;
    if (fields.length > 1 || only === undefined) return `${who} changed the ${fields.join(", ")} of ${name}`;
    if (only === "name") return `${who} named the group ${name}`;
    const text = detail?.[only];
    if (typeof text !== "string") return `${who} changed the ${only} of ${name}`;
    return text === ""
      ? `${who} removed the ${only} of ${name}`
      : `${who} set the ${only} of ${name}: ${bodyText(text)}`;
  },
  settings: (_, { name, detail }, who) =>
    `${who} changed the settings of ${name}${detail === undefined ? "" : `: ${settingsText(detail)}`}`,
};

/** Formats what happened to a group as a line. */
export function groupSentence(change: GroupChange, told: Told): string {
  const { actor, accounts, count } = change;
  const who = actor === told.me ? "you" : namedText(actor);
  const isSelf = accounts.length === 1 && accounts[0] === told.me;
  // Beyond the accounts that it names, an entry has their number alone.
  const names = count > accounts.length ? nameList(accounts, namedMax, count) : nameList(accounts);
  return `* ${sentences[change.kind](change, told, who, isSelf ? "you" : names)}`;
}

/** Of an entry that does not name all accounts. */
const namedMax = 3;

/** Formats who may join, and who may talk. */
export function settingsText({ isClosed, hasApproval, isMuted }: GroupDetail): string {
  const joins = isClosed
    ? "closed, others join by invitation"
    : hasApproval
      ? "who wants to join asks, and an admin answers"
      : "open to everybody who knows its id";
  return isMuted ? `${joins}; only the owner and the admins talk` : joins;
}

function isBy(actor: string, accounts: readonly string[]): boolean {
  return accounts.length === 1 && accounts[0] === actor;
}
