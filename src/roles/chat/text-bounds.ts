// The bounds of what clients write: the texts of messages and of their edits, lists of mentions, reactions.

import { clientIdBytesMax, displayNameCharactersMax, mentionsMax, reactionBytesMax } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import { nameRule, validName } from "../../auth/names.ts";
import { backEndClientId } from "../../service/call-context.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** In a list of mentions: everybody in the group. */
const everybody = "*";

/**
 * Control and format characters, halves of surrogate pairs, but neither U+200C nor U+200D: scripts and emoji need them.
 * The classes are Unicode's general categories (https://www.unicode.org/reports/tr44/).
 */
const hiddenInNames = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/u;

/** Reports whether a text has more UTF-8 bytes: at most three for each UTF-16 unit, so only long ones are measured. */
export function isLongerThan(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

/** Throws PayloadTooLarge if a message's body or extra is too long, InvalidPacketBody if its clientId is. */
export function checkTexts(
  limits: Limits,
  { app, account, isBackEnd }: Pick<Context, "app" | "account" | "isBackEnd">,
  { body, extra, clientId }: { readonly body: string; readonly extra: string; readonly clientId: string },
): void {
  const { messageBodyBytes, messageExtraBytes } = limits.values;
  if (isLongerThan(body, messageBodyBytes)) {
    limits.met("messageBodyBytes", { app, account });
    throw new Refusal(Status.PayloadTooLarge, `a message's body is at most ${messageBodyBytes} bytes`);
  }
  if (isLongerThan(extra, messageExtraBytes)) {
    limits.met("messageExtraBytes", { app, account });
    throw new Refusal(Status.PayloadTooLarge, `a message's extra is at most ${messageExtraBytes} bytes`);
  }
  if (isLongerThan(clientId, clientIdBytesMax)) {
    throw new Refusal(Status.InvalidPacketBody, `clientId is at most ${clientIdBytesMax} bytes`);
  }
  // Else a client could take the id that a back end's message will have.
  if (!isBackEnd && clientId.startsWith(backEndClientId))
    throw new Refusal(Status.InvalidPacketBody, `clientId must not begin with ${backEndClientId}`);
}

/** Returns the mentioned accounts without duplicates, or `["*"]`. Throws InvalidPacketBody. */
export function checkedMentions(mentions: readonly string[], toGroup: boolean): readonly string[] {
  if (mentions.length > mentionsMax)
    throw new Refusal(Status.InvalidPacketBody, `a message mentions at most ${mentionsMax} accounts`);
  const accounts = new Set(mentions);
  if (accounts.has(everybody)) {
    if (accounts.size > 1) throw new Refusal(Status.InvalidPacketBody, '"*" mentions everybody and stands alone');
    if (!toGroup) throw new Refusal(Status.InvalidPacketBody, '"*" mentions everybody in a group, and this is none');
    return [everybody];
  }
  for (const account of accounts)
    if (!validName(account))
      throw new Refusal(Status.InvalidPacketBody, `mentions must be account names (${nameRule}), or "*" alone`);
  return [...accounts];
}

/** Throws InvalidPacketBody unless a reaction has 1 to `reactionBytesMax` bytes without control characters. */
export function checkReaction(reaction: string): void {
  if (reaction !== "" && !isLongerThan(reaction, reactionBytesMax) && !/\p{Cc}/u.test(reaction)) return;
  throw new Refusal(
    Status.InvalidPacketBody,
    `reaction must have 1 to ${reactionBytesMax} bytes without control characters`,
  );
}

/** Throws InvalidPacketBody if a name that people are shown has characters which hide or reverse what they see. */
export function checkShown(field: string, name: string): void {
  if (hiddenInNames.test(name))
    throw new Refusal(Status.InvalidPacketBody, `${field} must have no control or format characters`);
}

/** Throws InvalidPacketBody if a name is too long for lists, or must not be shown (`checkShown`). */
export function checkDisplayName(field: string, name: string): void {
  // A character has at most two units: how long the counting takes is not up to the sender.
  if (name.length > 2 * displayNameCharactersMax || Array.from(name).length > displayNameCharactersMax)
    throw new Refusal(Status.InvalidPacketBody, `${field} has at most ${displayNameCharactersMax} characters`);
  checkShown(field, name);
}
