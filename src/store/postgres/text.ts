// Encodes text from clients for PostgreSQL, whose text has no NUL: a single message with one would fail the batch of
// all others. So NUL is escaped; text with neither NUL nor the escape is unchanged.

const escape = "\x01";
const escapedEscape = "\x01\x02";
const escapedNul = "\x01\x01";

/** Encodes a text; equality is preserved. */
export function toText(text: string): string {
  if (!text.includes("\0") && !text.includes(escape)) return text;
  return text.replaceAll(escape, escapedEscape).replaceAll("\0", escapedNul);
}

export function fromText(text: string): string {
  if (!text.includes(escape)) return text;
  // Pairs begin at the first of a run of escapes, so the order of the replacements does not matter.
  return text.replaceAll(escapedNul, "\0").replaceAll(escapedEscape, escape);
}
