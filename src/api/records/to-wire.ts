// Records of the store (store/data-records.ts) as messages of proto/api.proto.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { consentNumbers } from "../../service/consent-numbers.ts";
import type { DataRecord } from "../../store/data-records.ts";
import { type RecordSchema, Role } from "../../wire/gen/api_pb.ts";

/** A record of an export. */
export function recordMessage({ cursor = "", ...record }: DataRecord) {
  return { cursor, kind: kindOf(record) } satisfies MessageInitShape<typeof RecordSchema>;
}

function kindOf(record: DataRecord) {
  const { message, group, member, profile, account, conversation, file, pin, invitation, joinRequest } = record;
  if (message !== undefined) {
    const { messageId = "0", sendTime, replyTo = "0", mentions = [], reactions = [], media = [], ...rest } = message;
    const ids = { messageId: BigInt(messageId), sendTime: BigInt(sendTime), replyTo: BigInt(replyTo) };
    const files = media.map(({ size, ...named }) => ({ ...named, size: BigInt(size) }));
    const value = { ...rest, ...ids, mentions: [...mentions], reactions: [...reactions], media: files };
    return { case: "message" as const, value };
  }
  if (group !== undefined)
    return { case: "group" as const, value: { ...group, createdAt: BigInt(group.createdAt ?? 0) } };
  if (member !== undefined) {
    const { role = "member", joinTime = 0, leaveTime = 0, mutedUntil = 0, ...rest } = member;
    const times = { joinTime: BigInt(joinTime), leaveTime: BigInt(leaveTime), mutedUntil: BigInt(mutedUntil) };
    return { case: "member" as const, value: { ...rest, role: Role[role], ...times } };
  }
  if (profile !== undefined) return { case: "profile" as const, value: profile };
  if (account !== undefined) {
    const { write, add, blocked, devices, ...rest } = account;
    const rules = { write: consentNumbers[write], add: consentNumbers[add] };
    return { case: "account" as const, value: { ...rest, ...rules, blocked: [...blocked], devices: [...devices] } };
  }
  if (conversation !== undefined) {
    const { clearedTo = "0", readTo = "0", ...rest } = conversation;
    const value = { ...rest, clearedTo: BigInt(clearedTo), readTo: BigInt(readTo) };
    return { case: "conversation" as const, value };
  }
  if (file !== undefined) return { case: "file" as const, value: { ...file, size: BigInt(file.size) } };
  if (pin !== undefined) return { case: "pin" as const, value: { ...pin, messageId: BigInt(pin.messageId) } };
  if (invitation !== undefined)
    return { case: "invitation" as const, value: { ...invitation, expiresAt: BigInt(invitation.expiresAt) } };
  if (joinRequest !== undefined)
    return { case: "joinRequest" as const, value: { ...joinRequest, time: BigInt(joinRequest.time) } };
  return { case: undefined };
}
