// The clientIds of messages and edits, by which a retry is recognised: the key of a message in the index, and what is
// left when the message is erased. A client may have written anything into it, so that only a digest stays; and the
// key, with which the index is built again.
//
//   erased:9f86d081:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
//          the key  SHA-256 of sender and clientId; zeros if the sender is deleted, and retries nothing
//
// It is longer than any clientId, so that no client can send one.

import { hash } from "node:crypto";

const form = /^erased:([0-9a-f]{8}):([0-9a-f]{64})$/;
const formLength = 80;
const noDigest = "0".repeat(64);

/** A hash: messages with other clientIds may have it, too. */
export function keyedKey(sender: bigint, clientId: string): number {
  return Bun.hash.xxHash32(`${sender}:${clientId}`);
}

/** The same for what a row has: a clientId, or what is left of one. */
export function keyedKeyOf(sender: bigint, stored: string): number {
  return erasedKey(stored) ?? keyedKey(sender, stored);
}

/** What is left of a clientId; of what is left already, the same. `isDeleted`: the sender retries nothing. */
export function erasedClientId(sender: bigint, stored: string, isDeleted = false): string {
  const isErased = erasedKey(stored) !== undefined;
  if (isErased && !isDeleted) return stored;
  const digest = isDeleted ? noDigest : digestOf(sender, stored);
  return `erased:${keyedKeyOf(sender, stored).toString(16).padStart(8, "0")}:${digest}`;
}

/** Whether a clientId that is sent now is the stored one, erased or not. */
export function isSameClientId(stored: string | null, sender: bigint, clientId: string): boolean {
  if (stored === null || stored === clientId) return stored !== null;
  return stored.length === formLength && form.exec(stored)?.[2] === digestOf(sender, clientId);
}

/** Undefined for a clientId that is not erased. */
function erasedKey(stored: string): number | undefined {
  // On the path of every message.
  if (stored.length !== formLength) return undefined;
  const key = form.exec(stored)?.[1];
  return key === undefined ? undefined : Number.parseInt(key, 16);
}

function digestOf(sender: bigint, clientId: string): string {
  return hash("sha256", `${sender}:${clientId}`, "hex");
}
