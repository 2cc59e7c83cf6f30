// Numbers with their nouns.

/** Chooses a form of a noun, and puts the number for `#`. */
export type Count = (count: number, one: string, other: string) => string;

/** Returns what chooses a form by the rules of a language, and puts the number, as people write it there, for `#`. */
export function counter(language: string): Count {
  const rules = new Intl.PluralRules(language);
  // A format of numbers is made with the first one: that takes tens of milliseconds, before the page shows anything.
  return (count, one, other) =>
    (rules.select(count) === "one" ? one : other).replace("#", count.toLocaleString(language));
}
