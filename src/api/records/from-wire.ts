// Records of an import, checked: names are names of accounts, texts are within the bounds of what clients may write.

import { nameRule, systemAccount, validName } from "../../auth/names.ts";
import {
  displayNameCharactersMax,
  exportNamesMax,
  invitationUsesMax,
  joinRequestBytesMax,
  mentionsMax,
  profileAvatarBytesMax,
  profileExtraBytesMax,
  reactionBytesMax,
  reactionsExportedMax,
} from "../../base/limits/fixed.ts";
import type { LimitValues } from "../../base/limits/table.ts";
import { consentOf, consentRule } from "../../service/consent-numbers.ts";
import {
  type AccountRecord,
  type ConversationRecord,
  type DataRecord,
  type FileRecord,
  type GroupRecord,
  type InvitationRecord,
  type JoinRequestRecord,
  type MemberRecord,
  type MessageRecord,
  type PinRecord,
  recordKinds,
} from "../../store/data-records.ts";
import type { Consent as ConsentName } from "../../store/group-rights.ts";
import {
  type Record as WireRecord,
  type RecordedAccount,
  type RecordedConversation,
  type RecordedFile,
  type RecordedGroup,
  type RecordedInvitation,
  type RecordedJoinRequest,
  type RecordedMember,
  type RecordedMessage,
  type RecordedPin,
  Role,
} from "../../wire/gen/api_pb.ts";
import type { Consent, Profile } from "../../wire/gen/pkt_pb.ts";
import { invalid } from "../codes.ts";

/** The texts of a group, each. */
const groupTextBytesMax = 4 * 1024;
const groupIds = /^[!-~]{1,64}$/;
/** Whoever guesses the code of an invitation gets in: 22 of them are 128 bits, as the server makes them. */
const codes = /^[0-9A-Za-z]{22,64}$/;
/** Beyond it, a time is none that anything has: the year 9999. */
const secondsMax = 253_402_300_799n;

const roles: ReadonlyMap<Role, "member" | "admin" | "owner"> = new Map([
  [Role.member, "member"],
  [Role.admin, "admin"],
  [Role.owner, "owner"],
]);

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

type Bounds = Pick<LimitValues, "messageBodyBytes" | "messageExtraBytes">;

/** Throws InvalidArgument, with the place of what is wrong. */
export function recordOf({ kind }: WireRecord, position: number, bounds: Bounds): DataRecord {
  const place = `records[${position}]`;
  switch (kind.case) {
    case "message":
      return { message: messageOf(kind.value, `${place}.message`, bounds) };
    case "group":
      return { group: groupOf(kind.value, `${place}.group`) };
    case "member":
      return { member: memberOf(kind.value, `${place}.member`) };
    case "profile":
      return { profile: profileOf(kind.value, `${place}.profile`) };
    case "account":
      return { account: accountOf(kind.value, `${place}.account`) };
    case "conversation":
      return { conversation: conversationOf(kind.value, `${place}.conversation`) };
    case "file":
      return { file: fileOf(kind.value, `${place}.file`) };
    case "pin":
      return { pin: pinOf(kind.value, `${place}.pin`) };
    case "invitation":
      return { invitation: invitationOf(kind.value, `${place}.invitation`) };
    case "joinRequest":
      return { joinRequest: joinRequestOf(kind.value, `${place}.joinRequest`) };
    default:
      throw invalid(`${place} must have one of ${recordKinds}`);
  }
}

function messageOf(value: RecordedMessage, place: string, bounds: Bounds): MessageRecord {
  const { messageId, sender, account, group, sendTime, type, body, extra, mentions, replyTo, edited, recalled } = value;
  checkName(sender, `${place}.sender`);
  if ((account === "") === (group === "")) throw invalid(`${place} must have one of account and group`);
  if (group === "") checkName(account, `${place}.account`);
  else checkGroup(group, `${place}.group`);
  if (sendTime <= 0n) throw invalid(`${place}.sendTime must be nanoseconds since 1970`);
  if (messageId < 0n || replyTo < 0n) throw invalid(`${place}: ids are not negative`);
  checkBytes(body, bounds.messageBodyBytes, `${place}.body`);
  checkBytes(extra, bounds.messageExtraBytes, `${place}.extra`);
  if (mentions.length > mentionsMax) throw invalid(`${place}.mentions has at most ${mentionsMax} items`);
  for (const mention of mentions) if (mention !== "*" || group === "") checkName(mention, `${place}.mentions`);
  if (value.reactions.length > reactionsExportedMax)
    throw invalid(`${place}.reactions has at most ${reactionsExportedMax} items`);
  const reactions = value.reactions.map(({ account: by, reaction }) => {
    checkName(by, `${place}.reactions.account`);
    if (reaction === "") throw invalid(`${place}.reactions.reaction is required`);
    checkBytes(reaction, reactionBytesMax, `${place}.reactions.reaction`);
    return { account: by, reaction };
  });
  // Field by field: a page has a thousand of them, and objects that are made of others cost as much as all checks.
  const record: Writable<MessageRecord> = {
    messageId: `${messageId}`,
    sender,
    sendTime: `${sendTime}`,
    type: type === 0 ? 1 : type,
  };
  if (group === "") record.account = account;
  else record.group = group;
  if (replyTo > 0n) record.replyTo = `${replyTo}`;
  if (edited) record.edited = true;
  if (recalled) {
    record.recalled = true;
    return record;
  }
  if (body !== "") record.body = body;
  if (extra !== "") record.extra = extra;
  if (mentions.length > 0) record.mentions = [...new Set(mentions)];
  if (reactions.length > 0) record.reactions = reactions;
  return record;
}

function groupOf(value: RecordedGroup, place: string): GroupRecord {
  const { id, name, avatar, introduction, announcement, owner, createdAt, closed, approval, muted, dismissed } = value;
  checkGroup(id, `${place}.id`);
  if (owner !== "") checkName(owner, `${place}.owner`);
  for (const [field, text] of Object.entries({ name, avatar, introduction, announcement }))
    checkBytes(text, groupTextBytesMax, `${place}.${field}`);
  const texts = { id, name, avatar, introduction, announcement, owner };
  return { ...texts, createdAt: secondsOf(createdAt, `${place}.createdAt`), closed, approval, muted, dismissed };
}

function memberOf(value: RecordedMember, place: string): MemberRecord {
  const { group, account, role, alias, joinTime, leaveTime, mutedUntil } = value;
  checkGroup(group, `${place}.group`);
  checkName(account, `${place}.account`);
  checkCharacters(alias, displayNameCharactersMax, `${place}.alias`);
  const times = {
    joinTime: secondsOf(joinTime, `${place}.joinTime`),
    leaveTime: secondsOf(leaveTime, `${place}.leaveTime`),
    mutedUntil: secondsOf(mutedUntil, `${place}.mutedUntil`),
  };
  if (times.leaveTime > 0 && times.leaveTime < times.joinTime)
    throw invalid(`${place}.leaveTime must not be before its joinTime`);
  const known = roles.get(role);
  if (known === undefined) throw invalid(`${place}.role must be one of member, admin and owner`);
  return { group, account, role: known, alias, ...times };
}

function profileOf({ account, name, avatar, extra }: Profile, place: string) {
  checkName(account, `${place}.account`);
  checkCharacters(name, displayNameCharactersMax, `${place}.name`);
  checkBytes(avatar, profileAvatarBytesMax, `${place}.avatar`);
  // Clients show what is behind it: a link that runs code must not get there.
  if (avatar !== "" && !/^https?:\/\/\S+$/i.test(avatar))
    throw invalid(`${place}.avatar must be an http or https URL, or empty`);
  checkBytes(extra, profileExtraBytesMax, `${place}.extra`);
  return { account, name, avatar, extra };
}

function accountOf({ account, write, add, blocked }: RecordedAccount, place: string): AccountRecord {
  checkName(account, `${place}.account`);
  // Its settings are the server's, whatever a file says.
  if (account === systemAccount) return { account, write: "nobody", add: "nobody", blocked: [], devices: [] };
  if (blocked.length > exportNamesMax) throw invalid(`${place}.blocked has at most ${exportNamesMax} items`);
  for (const name of blocked) checkName(name, `${place}.blocked`);
  if (blocked.includes(account)) throw invalid(`${place}.blocked: no account blocks itself`);
  const rules = { write: consentIn(write, `${place}.write`), add: consentIn(add, `${place}.add`) };
  return { account, ...rules, blocked: [...new Set(blocked)], devices: [] };
}

function consentIn(value: Consent, place: string): ConsentName {
  const consent = consentOf(value);
  if (consent === undefined) throw invalid(`${place} ${consentRule}`);
  return consent;
}

function conversationOf(value: RecordedConversation, place: string): ConversationRecord {
  const { account, peer, group, pinned, muted, hidden, clearedTo, readTo } = value;
  checkName(account, `${place}.account`);
  if ((peer === "") === (group === "")) throw invalid(`${place} must have one of peer and group`);
  if (group === "") checkName(peer, `${place}.peer`);
  else checkGroup(group, `${place}.group`);
  if (clearedTo < 0n || readTo < 0n) throw invalid(`${place}: ids are not negative`);
  return {
    account,
    ...(group === "" ? { peer } : { group }),
    pinned,
    muted,
    hidden,
    ...(clearedTo > 0n && { clearedTo: `${clearedTo}` }),
    ...(readTo > 0n && { readTo: `${readTo}` }),
  };
}

/** Nothing of it is stored (FileRecord). */
function fileOf({ account, id, name, type, size }: RecordedFile, place: string): FileRecord {
  checkName(account, `${place}.account`);
  return { account, id, name, type, size: Number(size) };
}

function pinOf({ account, messageId }: RecordedPin, place: string): PinRecord {
  if (account !== "") checkName(account, `${place}.account`);
  if (messageId <= 0n) throw invalid(`${place}.messageId must be the id of a message`);
  return { account, messageId: `${messageId}` };
}

function invitationOf({ group, code, account, ...rest }: RecordedInvitation, place: string): InvitationRecord {
  checkGroup(group, `${place}.group`);
  checkName(account, `${place}.account`);
  if (!codes.test(code)) throw invalid(`${place}.code must be 22 to 64 letters and digits`);
  const expiresAt = secondsOf(rest.expiresAt, `${place}.expiresAt`);
  if (rest.usesLeft > invitationUsesMax) throw invalid(`${place}.usesLeft is at most ${invitationUsesMax}`);
  return { group, code, account, expiresAt, usesLeft: rest.usesLeft };
}

function joinRequestOf({ group, account, text, time }: RecordedJoinRequest, place: string): JoinRequestRecord {
  checkGroup(group, `${place}.group`);
  checkName(account, `${place}.account`);
  checkBytes(text, joinRequestBytesMax, `${place}.text`);
  return { group, account, text, time: secondsOf(time, `${place}.time`) };
}

function checkName(name: string, place: string): void {
  if (!validName(name)) throw invalid(`${place} must be the name of an account: ${nameRule}`);
}

function checkGroup(id: string, place: string): void {
  if (!groupIds.test(id)) throw invalid(`${place} must be 1 to 64 visible ASCII characters`);
}

function checkBytes(text: string, bytesMax: number, place: string): void {
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax)
    throw invalid(`${place} has at most ${bytesMax} bytes`);
}

function checkCharacters(text: string, charactersMax: number, place: string): void {
  if (text.length > 2 * charactersMax || Array.from(text).length > charactersMax)
    throw invalid(`${place} has at most ${charactersMax} characters`);
}

function secondsOf(seconds: bigint, place: string): number {
  if (seconds < 0n || seconds > secondsMax) throw invalid(`${place} must be seconds since 1970`);
  return Number(seconds);
}
