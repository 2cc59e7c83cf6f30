// Waiting for something that other processes bring about: no test sleeps for as long as it might take.

const checkMs = 20;

/** Resolves once `isSo` is true; throws with the sentence when that takes longer than `msMax`. A failure counts as no. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  msMax: number = 15_000,
): Promise<void> {
  const begunMs = performance.now();
  let failure: unknown;
  while (performance.now() - begunMs < msMax) {
    try {
      if (await isSo()) return;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await Bun.sleep(checkMs);
  }
  throw new Error(`waited ${msMax} ms in vain: ${what}`, { cause: failure });
}
