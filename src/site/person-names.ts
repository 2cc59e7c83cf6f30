// Names of people who do not exist, for accounts to try the server with.

import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";

/** Given names of many places, as accounts write them. */
export const givenNames: readonly string[] = (
  "ada amina amir anders ann anouk ayo ben bianca bruno carla chen chidi clara dana dario devi diego elena elif emil " +
  "erik fatima felix freya gita grace hana hugo ida imani ines ivan jana jonas jun kai karim kofi lara leila leo lin " +
  "luca lucia malik mara marco mei mila milo nadia nils nina noor olga omar oscar paula priya quinn rafael rita rosa " +
  "sami sana simon sofia sven tara theo tomas uma vera victor wanda wei yara yuki yusuf zara zoe"
).split(" ");

/** Distinguishes people of one name: 36^4 of them. */
const suffixDigits = 4;

/** Returns one of these; the list is not empty. */
export function oneOf<T>(list: readonly T[], random: Random): T {
  const found = list[random.uint32() % list.length];
  assert(found !== undefined, "a choice needs a list that is not empty");
  return found;
}

/** Returns an account such as `ann-7k2q`, which nobody is likely to have. */
export function inventedAccount(random: Random): string {
  const suffix = (random.uint32() % 36 ** suffixDigits).toString(36).padStart(suffixDigits, "0");
  return `${oneOf(givenNames, random)}-${suffix}`;
}
