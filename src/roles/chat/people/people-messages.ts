// Settings and profiles of accounts as messages of the protocol.

import { displayNameCharactersMax, profileAvatarBytesMax, profileExtraBytesMax } from "../../../base/limits/fixed.ts";
import { consentNumbers, consentOf, consentRule } from "../../../service/consent-numbers.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { ConsentState } from "../../../store/conversations.ts";
import type { Consent as ConsentName } from "../../../store/group-rights.ts";
import { type Consent, Status } from "../../../wire/gen/pkt_pb.ts";
import { nameBytesMax } from "../talk-body.ts";

/** The largest profile: its texts, its account, and numbers. */
export const profileBytesMax =
  4 * displayNameCharactersMax + profileAvatarBytesMax + profileExtraBytesMax + nameBytesMax + 32;

export function settingsMessage({ write, add, version }: ConsentState): {
  readonly write: Consent;
  readonly add: Consent;
  readonly version: bigint;
} {
  return { write: consentNumbers[write], add: consentNumbers[add], version };
}

/** Returns what the number in a field means. Throws InvalidPacketBody for one that the protocol does not have. */
export function consentIn(field: string, number: Consent): ConsentName {
  const found = consentOf(number);
  if (found === undefined) throw new Refusal(Status.InvalidPacketBody, `${field} ${consentRule}`);
  return found;
}
