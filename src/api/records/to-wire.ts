// Records of the store (store/data-records.ts) as messages of proto/api.proto.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DataRecord } from "../../store/data-records.ts";
import { type RecordSchema, Role } from "../../wire/gen/api_pb.ts";

/** A record of an export. */
export function recordMessage({ cursor = "", message, group, member, profile }: DataRecord) {
  return { cursor, kind: kindOf({ message, group, member, profile }) } satisfies MessageInitShape<typeof RecordSchema>;
}

function kindOf({ message, group, member, profile }: { [Name in keyof DataRecord]: DataRecord[Name] | undefined }) {
  if (message !== undefined) {
    const { messageId = "0", sendTime, replyTo = "0", mentions = [], reactions = [], ...rest } = message;
    const ids = { messageId: BigInt(messageId), sendTime: BigInt(sendTime), replyTo: BigInt(replyTo) };
    const value = { ...rest, ...ids, mentions: [...mentions], reactions: [...reactions] };
    return { case: "message" as const, value };
  }
  if (group !== undefined)
    return { case: "group" as const, value: { ...group, createdAt: BigInt(group.createdAt ?? 0) } };
  if (member !== undefined) {
    const { role = "member", joinTime = 0, leaveTime = 0, ...rest } = member;
    const value = { ...rest, role: Role[role], joinTime: BigInt(joinTime), leaveTime: BigInt(leaveTime) };
    return { case: "member" as const, value };
  }
  if (profile !== undefined) return { case: "profile" as const, value: profile };
  return { case: undefined };
}
