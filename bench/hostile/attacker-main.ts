// The attackers' process. It reads one line that says what is to be attacked and how, prepares it, says `ready`, begins
// at the next line, and is killed when the time is up; it ends with its input, too.

import type { Place } from "./attack.ts";
import { attacks } from "./attacks.ts";

/** What the first line says. */
export interface AttackJob {
  readonly attack: string;
  readonly place: Place;
  readonly isTrial: boolean;
}

/** The maximum of anything in a trial. */
const fewMax = 8;
/** The end of all attacks, even if this process is forgotten, in milliseconds. */
const lifeMsMax = 300_000;

const lines = console[Symbol.asyncIterator]();
const nextLine = async (): Promise<string> => {
  const { value, done } = await lines.next();
  if (done === true) process.exit(0);
  return value;
};

setTimeout(() => process.exit(1), lifeMsMax).unref();
const job: AttackJob = JSON.parse(await nextLine());
const attack = attacks.find(({ name }) => name === job.attack);
if (attack === undefined) throw new Error(`there is no attack ${job.attack}`);
const run = await attack.prepare({
  place: job.place,
  many: (count) => (job.isTrial ? Math.min(fewMax, count) : count),
});
await Bun.write(Bun.stdout, "ready\n");
await nextLine();
void nextLine();
await run();
