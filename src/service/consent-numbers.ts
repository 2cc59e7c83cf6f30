// Who may write to an account, or add it to groups, as numbers of the protocol.

import { type Consent as ConsentName, consents } from "../store/group-rights.ts";
import { Consent } from "../wire/gen/pkt_pb.ts";

export const consentNumbers: Readonly<Record<ConsentName, Consent>> = {
  everybody: Consent.ConsentEverybody,
  conversations: Consent.ConsentConversations,
  nobody: Consent.ConsentNobody,
};

/** What a field with such a number must be. */
export const consentRule: string = `must be 0 to ${consents.length - 1}: ${consents.join(", ")}`;

/** Returns what a number means; undefined for one that the protocol does not have. */
export function consentOf(number: Consent): ConsentName | undefined {
  return consents.find((consent) => consentNumbers[consent] === number);
}
