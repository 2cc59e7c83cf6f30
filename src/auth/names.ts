// Names of accounts and apps. Nothing is normalised: two names are one only if they are the same characters, and letters
// of different scripts may look alike. What no reader can see, or what UTF-8 cannot carry, is refused.

import { nameCharactersMax } from "../base/limits/fixed.ts";
import { isPrintable } from "../base/printable.ts";

/** Most names: visible ASCII without commas, blanks inside only. */
const plainName = /^[!-+\--~](?:[ -+\--~]*[!-+\--~])?$/;
/** What a decoder puts in the place of bytes that are not UTF-8: different texts become one. */
const undecodable = "\ufffd";
/** A Braille cell without dots: a symbol by its category, and nothing to see. */
const emptyCell = "\u2800";

/**
 * True for 1 to 60 characters (code points) of well-formed Unicode, without control characters, format characters
 * (U+200B, direction marks), fillers, U+2800, U+FFFD, comma or surrounding white space: channel ids hold an account and are
 * comma-joined.
 */
export function validName(name: string): boolean {
  if (name.length <= nameCharactersMax && plainName.test(name)) return true;
  return (
    name.length > 0 &&
    // A character has at most two units: to count those of a longer text would cost its sender's choice.
    name.length <= 2 * nameCharactersMax &&
    codePoints(name) <= nameCharactersMax &&
    isPrintable(name) &&
    !name.includes(",") &&
    !name.includes(undecodable) &&
    !name.includes(emptyCell) &&
    name.trim() === name
  );
}

/** What `validName` asks for, for sentences. */
export const nameRule = `1 to ${nameCharactersMax} visible characters without commas or surrounding spaces`;

function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return count;
}
