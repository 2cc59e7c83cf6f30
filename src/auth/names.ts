// Names of accounts and apps.

import { nameCharactersMax } from "../base/limits/fixed.ts";

/**
 * True for 1 to 60 characters without control characters, comma or surrounding white space: channel ids hold an account
 * and are comma-joined (semantics, "Who may do what").
 */
export function validName(name: string): boolean {
  return name.length > 0 && name.length <= nameCharactersMax && !/[\p{Cc},]/u.test(name) && name.trim() === name;
}
