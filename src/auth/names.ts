// Names of accounts and apps. Names are compared character by character, without normalisation, and letters of
// different scripts may look alike. Characters that are invisible, or that UTF-8 cannot carry, are rejected.

import { nameCharactersMax } from "../base/limits/fixed.ts";
import { isPrintable } from "../base/printable.ts";

/** Matches most names: visible ASCII without commas, with blanks inside only. */
const plainName = /^[!-+\--~](?:[ -+\--~]*[!-+\--~])?$/;
/** U+FFFD, which a decoder substitutes for invalid UTF-8: different texts become equal. */
const undecodable = "\ufffd";
/** U+2800, an empty Braille cell: a symbol by its category, but invisible. */
const emptyCell = "\u2800";

/**
 * Reports whether a name has 1 to 60 characters (code points) of well-formed Unicode, without control characters,
 * format characters (U+200B, direction marks), fillers, U+2800, U+FFFD, commas or surrounding white space. A channel id
 * contains an account, and lists of channel ids are joined by commas.
 */
export function validName(name: string): boolean {
  if (name.length <= nameCharactersMax && plainName.test(name)) return true;
  return (
    name.length > 0 &&
    // A character has at most two units. The bound keeps the cost of counting independent of the sender.
    name.length <= 2 * nameCharactersMax &&
    codePoints(name) <= nameCharactersMax &&
    isPrintable(name) &&
    !name.includes(",") &&
    !name.includes(undecodable) &&
    !name.includes(emptyCell) &&
    name.trim() === name
  );
}

/**
 * The account as which a back end acts where it names none. It sends, and nobody sends to it: no token carries this
 * name, and it is no member of any group.
 */
export const systemAccount = "@system";

/** Reports whether a name can be that of somebody who signs in, is written to, and is a member of groups. */
export function isPerson(name: string): boolean {
  return name !== systemAccount && validName(name);
}

/** Describes valid names in error messages. */
export const nameRule = `1 to ${nameCharactersMax} visible characters without commas or surrounding spaces`;

function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return count;
}
