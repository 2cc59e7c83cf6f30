// Validates UTF-8 (RFC 3629) in place: the scanner must refuse exactly the strings that the generated decoder refuses,
// without creating a view or a string.

/** Reports whether bytes[start, end) are UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let high = 0;
  for (let at = start; at < end; at++) high |= bytes[at]!;
  return high < 0x80 || isMultibyteUtf8(bytes, start, end);
}

function isMultibyteUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const following = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + following > end) return false;
    // The second byte's range is narrower after four leads (RFC 3629, section 4).
    const second = bytes[at]!;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const top = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > top) return false;
    for (let more = 1; more < following; more++) {
      if ((bytes[at + more]! & 0xc0) !== 0x80) return false;
    }
    at += following;
  }
  return true;
}
