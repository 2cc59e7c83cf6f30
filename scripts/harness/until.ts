// Waiting for something that others bring about: no test sleeps for as long as it might take.

/** Pauses between two looks: short where it happens in this process, longer where it takes another one. */
const pauseMsMin = 2;
const pauseMsMax = 20;
/** Longer than a machine under load stalls, and shorter than a test may take. */
const msMaxDefault = 45_000;

/**
 * Resolves once `isSo` is true; throws with the sentence when that takes longer than `msMax`. A failure counts as no.
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  msMax: number = msMaxDefault,
): Promise<void> {
  const begunMs = performance.now();
  for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
    // Before it looks: what became so while the machine stood still counts.
    const isLast = performance.now() - begunMs >= msMax;
    let failure: unknown;
    try {
      if (await isSo()) return;
    } catch (error) {
      failure = error;
    }
    if (isLast) throw new Error(`waited ${msMax} ms in vain: ${what}`, { cause: failure });
    await Bun.sleep(pauseMs);
  }
}
