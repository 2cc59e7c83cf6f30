// Composite names of the engine as strings. The first part's length comes first, so that no two pairs meet, whatever
// separators names are made of.

/** (first, second) as one string. */
export function pairKey(first: string, second: string): string {
  return `${first.length}:${first}${second}`;
}

/** The pair that `key` was made of. */
export function splitPair(key: string): readonly [first: string, second: string] {
  const colon = key.indexOf(":");
  const end = colon + 1 + Number(key.slice(0, colon));
  return [key.slice(colon + 1, end), key.slice(end)];
}
