// Doing the same for many items, a bounded number at a time.

/** Calls `work` with 0 to `count` - 1, at most `abreast` at a time; the results in order. */
export async function inBatches<T>(
  count: number,
  abreast: number,
  work: (index: number) => Promise<T>,
  tell: (done: number) => void = () => undefined,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
      tell(++done / count);
    }
  };
  await Promise.all(Array.from({ length: Math.min(abreast, count) }, worker));
  return results;
}
