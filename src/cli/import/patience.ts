// A server that is sent records faster than its index takes them in refuses a page for a while.

/** The pause behind the first refusal, in milliseconds; each further one is twice as long, up to the maximum. */
const pauseMs = 50;
const pauseMsMax = 2_000;
/** Refusals in a row: a minute. */
const refusalsMax = 35;

/** Does something again, with pauses, while `isBusy` says of its errors that it may succeed later; for a minute. */
export async function patiently<Answer>(
  work: () => Promise<Answer>,
  isBusy: (error: unknown) => boolean,
  sleep: (ms: number) => Promise<void> = Bun.sleep,
): Promise<Answer> {
  for (let refusals = 0; ; refusals++) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || refusals >= refusalsMax) throw error;
    }
    await sleep(Math.min(pauseMsMax, pauseMs * 2 ** refusals));
  }
}
