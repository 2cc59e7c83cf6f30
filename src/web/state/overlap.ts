// What two versions of a list have in common. Pure.

/**
 * How many elements two lists share at their beginnings, and how many of the others at their ends. Elements are
 * compared by reference, which is little beside making anything of them anew.
 */
export function overlap<Element>(
  one: readonly Element[],
  other: readonly Element[],
): { readonly start: number; readonly end: number } {
  const most = Math.min(one.length, other.length);
  let start = 0;
  while (start < most && one[start] === other[start]) start++;
  let end = 0;
  while (end < most - start && one[one.length - 1 - end] === other[other.length - 1 - end]) end++;
  return { start, end };
}
