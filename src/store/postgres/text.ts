// Text from clients as PostgreSQL keeps it: its text holds every character but NUL, and one message that it refuses
// would fail the batch of everybody else. So NUL is escaped; what holds neither NUL nor the escape is kept as it is.

const escape = "\x01";
const escapedEscape = "\x01\x02";
const escapedNul = "\x01\x01";

/** What goes into the database; two texts are equal there if they are equal here. */
export function toText(text: string): string {
  if (!text.includes("\0") && !text.includes(escape)) return text;
  return text.replaceAll(escape, escapedEscape).replaceAll("\0", escapedNul);
}

/** What `toText` was given. */
export function fromText(text: string): string {
  if (!text.includes(escape)) return text;
  // Pairs begin at the first of a run of escapes, so the order of the two does not confuse them.
  return text.replaceAll(escapedNul, "\0").replaceAll(escapedEscape, escape);
}
