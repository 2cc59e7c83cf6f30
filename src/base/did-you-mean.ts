// Which known word somebody meant who misspelt it.

/** A word that differs in more places than this is another word. */
const editsMax = 2;
/** Of short words fewer differences are believed: one for each so many characters. */
const charactersPerEdit = 3;
/** Longer words are not compared. */
const charactersMax = 64;

/** The candidate that differs least from a word, in at most two characters; undefined if none is near. */
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

/** A question to append to a sentence; '' if nothing is near. `prefix` goes before the word. */
export function didYouMean(word: string, candidates: Iterable<string>, prefix = ""): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? "" : `; did you mean ${prefix}${meant}?`;
}

/** Characters to insert, remove, replace or swap with their neighbour (optimal string alignment distance). */
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
