// All hosts of a list, asked side by side. That takes as long as a silent one may: meanwhile those that have answered
// are asked again, for one of them may become the primary in that time.

import { DatabaseAway } from "../failures.ts";
import type { askHost, AskedHost, HostAnswer } from "./host-answer.ts";

/** The time between two questions to a host while another one is silent. */
const againMs = 200;

/**
 * Asks all hosts; one that does not answer in time counts as away, as do those that are silent when `isEnough` says
 * that the other answers will do. The connections are the caller's to close.
 */
export async function askHosts(
  urls: readonly string[],
  isEnough: (answers: readonly HostAnswer[]) => boolean,
  ask: typeof askHost,
): Promise<readonly AskedHost[]> {
  const asked: (AskedHost | undefined)[] = urls.map(() => undefined);
  let isOver = false;
  const all = Promise.all(
    urls.map(async (url, index) => {
      const one = await ask(url);
      if (isOver) void one.client?.close({ timeout: 0 });
      else asked[index] = one;
    }),
  );
  for (;;) {
    const isAll = await Promise.race([all.then(() => true), Bun.sleep(againMs).then(() => false)]);
    if (isAll) break;
    await Promise.all(
      asked.map(async (one, index) => {
        if (one?.client !== undefined) asked[index] = await ask(one.url, one.client);
      }),
    );
    if (isEnough(asked.flatMap((one) => (one === undefined ? [] : [one.answer])))) break;
  }
  isOver = true;
  return urls.map((url, index) => asked[index] ?? silent(url));
}

function silent(url: string): AskedHost {
  const told = new DatabaseAway("no answer yet");
  return { url, answer: { host: new URL(url).host, told }, client: undefined };
}
