// Suggestions for misspelt names.

const editsMax = 2;
/** Short words allow fewer edits: one for every three characters. */
const charactersPerEdit = 3;
/** Longer words are not compared: the time grows with the product of the lengths. */
const charactersMax = 64;

/** Returns the candidate with the fewest edits from a word, at most two; undefined if none is that close. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > charactersMax) return undefined;
  let best: string | undefined;
  let bestEdits = Math.min(editsMax, Math.floor(word.length / charactersPerEdit)) + 1;
  for (const candidate of candidates) {
    const edits = editsBetween(word, candidate);
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best;
}

/** Returns a question to append to a sentence; '' if no candidate is close. `prefix` goes before the candidate. */
export function didYouMean(word: string, candidates: Iterable<string>, prefix = ""): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? "" : `; did you mean ${prefix}${meant}?`;
}

/** The optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function editsBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const now = [row];
    for (let column = 1; column <= other.length; column++) {
      const isEqual = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      now[column] = Math.min(
        (last[column] ?? 0) + 1,
        (now[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isEqual ? 0 : 1),
        isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, now];
  }
  return last[other.length] ?? 0;
}
