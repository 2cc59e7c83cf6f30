// Encodes pairs of names as strings. The first part's length comes first, so that different pairs never encode alike,
// whatever characters the names contain.

export function pairKey(first: string, second: string): string {
  return `${first.length}:${first}${second}`;
}

export function splitPair(key: string): readonly [first: string, second: string] {
  const colon = key.indexOf(":");
  const end = colon + 1 + Number(key.slice(0, colon));
  return [key.slice(colon + 1, end), key.slice(end)];
}
