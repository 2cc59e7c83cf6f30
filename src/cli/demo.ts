// roost demo: fills a server with people who do not exist, so that the web chat, the metrics and the log have something
// to show.

import { seededRandom } from "../base/random.ts";
import { systemRuntime } from "../base/runtime.ts";
import { demoApp } from "../site/test-accounts.ts";
import { issueTokens } from "./api/issue-tokens.ts";
import { placeOf } from "./api/place.ts";
import { localUrl } from "./chat.ts";
import { signInSentence } from "./chat/sign-in-sentence.ts";
import { printLines } from "./command-output.ts";
import type { SignIn } from "./demo/actor.ts";
import { castOf } from "./demo/cast.ts";
import { setStage, type Stage } from "./demo/stage.ts";
import { type Counts, Traffic } from "./demo/traffic.ts";
import type { OptionValues } from "./option-values.ts";
import { readServerAuthorities } from "./tls.ts";
import { makeToken } from "./token.ts";
import { StartError } from "./usage-error.ts";

const tokenMs = 3_600_000;
/** Between two lines that say how much was done. */
const reportMs = 10_000;
/** Lines that each conversation begins with. */
const firstLines = 8;
/** People who are named at the start. */
const namedMax = 5;
/** A signal that comes while a stop is under way ends at once. */
const exitInterrupted = 130;

/** Runs until its time is over, or a signal; returns the exit status. Throws StartError, UsageError. */
export async function demo(values: OptionValues): Promise<number> {
  const app = values.isGiven("app") ? values.required("app") : demoApp;
  const [rate, people, groups] = [values.required("rate"), values.required("people"), values.required("groups")];
  const [seconds, guest, seed] = [values.optional("seconds"), values.optional("to"), values.required("seed")];
  const random = seededRandom(seed);
  const way = wayOf(values, app);
  const stopped = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(exitInterrupted);
    isStopping = true;
    stopped.resolve();
  };
  const stage = await staged({ people: castOf(people, random), groups, guest, way, random }, way);
  const traffic = new Traffic({ ...stage, ...systemRuntime, random, rate });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  if (stage.isNew) await Promise.race([traffic.fill(firstLines), stopped.promise]);
  const names = stage.actors.slice(0, namedMax).map(({ account }) => account);
  const end = seconds === undefined ? "until Ctrl-C" : `for ${seconds} s`;
  await printLines([
    `${people} people are signed in to the app ${app}, among them ${names.join(", ")}; groups: ${groups}.`,
    `From now on ${rate} messages a second, ${end} (seed ${seed}).`,
  ]);
  const cancelEnd = seconds === undefined ? undefined : systemRuntime.timers.after(seconds * 1_000, stop);
  if (!isStopping) traffic.start();
  const report = setInterval(() => void printLines([sentenceOfCounts(traffic.counts)]), reportMs);
  await stopped.promise;
  clearInterval(report);
  cancelEnd?.();
  await traffic.stop();
  await Promise.all(stage.actors.map((actor) => actor.leave()));
  await printLines([sentenceOfCounts(traffic.counts)]);
  return 0;
}

/**
 * How people sign in: where clients do, with tokens of the secret, or of the API if a key for it, or its URL, is given.
 */
function wayOf(values: OptionValues, app: string): SignIn {
  // The default of --discovery does not count.
  const lookup = values.layers("discovery").length > 0 ? values.required("discovery") : [];
  const given = values.optional("url") ?? [];
  const apis = given.filter((each) => each.startsWith("http"));
  const servers = given.filter((each) => !each.startsWith("http"));
  const ca = values.optional("ca");
  const byApi = apis.length > 0 || values.isGiven("key") || values.isGiven("key-file");
  const ofSecret = async (account: string): Promise<string> => (await makeToken(values, account, tokenMs, app)).token;
  return {
    url: servers.length > 0 ? servers : [localUrl(values)],
    lookup,
    ...(ca === undefined ? {} : { ca: readServerAuthorities(ca) }),
    tokenOf: byApi ? issueTokens(placeOf(values, apis), app, tokenMs) : ofSecret,
  };
}

async function staged(parts: Parameters<typeof setStage>[0], { url = [], lookup = [] }: SignIn): Promise<Stage> {
  try {
    return await setStage(parts);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(await signInSentence(error, { url: [url].flat(), lookup: [lookup].flat() }));
  }
}

function sentenceOfCounts({ messages, reactions, edits, recalls, reads, failures, leftOut }: Counts): string {
  const done = `${messages} messages, ${reactions} reactions, ${edits} edits, ${recalls} recalls, ${reads} reads`;
  const failed = failures === 0 ? "" : `; ${failures} failed`;
  return `${done}${failed}${leftOut === 0 ? "" : `; ${leftOut} left out: the rate is too high`}`;
}
