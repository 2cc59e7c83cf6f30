// pkt.GroupField of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

export const GroupField = {
  GroupFieldName: 0,
  GroupFieldAvatar: 1,
  GroupFieldIntroduction: 2,
  GroupFieldAnnouncement: 3,
  GroupFieldClosed: 4,
  GroupFieldApproval: 5,
  GroupFieldMuted: 6,
} as const;
export type GroupField = (typeof GroupField)[keyof typeof GroupField] | UnknownEnum;
