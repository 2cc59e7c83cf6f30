// Settings and profiles of accounts as messages of the protocol.

import { displayNameCharactersMax, profileAvatarBytesMax, profileExtraBytesMax } from "../../../base/limits/fixed.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { ConsentState } from "../../../store/conversations.ts";
import { type Consent as ConsentName, consents } from "../../../store/group-rights.ts";
import { Consent, Status } from "../../../wire/gen/pkt_pb.ts";
import { nameBytesMax } from "../talk-body.ts";

/** The largest profile: its texts, its account, and numbers. */
export const profileBytesMax =
  4 * displayNameCharactersMax + profileAvatarBytesMax + profileExtraBytesMax + nameBytesMax + 32;

const numbers: Record<ConsentName, Consent> = {
  everybody: Consent.ConsentEverybody,
  conversations: Consent.ConsentConversations,
  nobody: Consent.ConsentNobody,
};

export function settingsMessage({ write, add, version }: ConsentState): {
  readonly write: Consent;
  readonly add: Consent;
  readonly version: bigint;
} {
  return { write: numbers[write], add: numbers[add], version };
}

/** Returns what a number of the protocol means. Throws InvalidPacketBody for one that it does not have. */
export function consentOf(field: string, number: Consent): ConsentName {
  const found = consents.find((consent) => numbers[consent] === number);
  if (found === undefined)
    throw new Refusal(Status.InvalidPacketBody, `${field} must be 0 to ${consents.length - 1}: ${consents.join(", ")}`);
  return found;
}
