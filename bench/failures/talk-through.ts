// People talk and read while something fails. Then: what was acknowledged can be read, under the id that was told and
// once; a repetition is told the same id; and no reader's cursor has passed over anything.

import { RoostClient } from "../../src/sdk/roost-client.ts";
import type { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { CursorReader } from "./cursor-reader.ts";
import { type Acknowledged, Speaker } from "./speaker.ts";

/** Of each speaker, repeated at the end: talks that took several tries, and the newest ones of before the failure. */
const repeatedMax = 50;
/** Faults that are told one by one. */
const toldMax = 5;
/** Everybody has had a Success since: then it goes on. */
const servedMsMax = 150_000;

export interface TalkThroughOptions {
  readonly cluster: ProcessCluster;
  /** Tells the accounts of one run from another's. */
  readonly run: string;
  readonly speakers: number;
  readonly readers: number;
  readonly window: number;
  readonly paceMs: number;
  /** What fails, and is whole again when it resolves. */
  readonly meanwhile: () => Promise<void>;
}

export interface TalkFigures {
  readonly acknowledged: number;
  /** Of those, the ones that were not stored at the first try. */
  readonly retried: number;
  readonly refused: number;
  readonly timedOut: number;
  /** Acknowledged talks that cannot be read, or not under that id. */
  readonly lost: number;
  /** Texts that are there more than once. */
  readonly doubled: number;
  /** Repetitions that were told another id than before. */
  readonly changed: number;
  /** Messages that a reader's cursor has passed over. */
  readonly skipped: number;
  /** By speaker: the longest wait from one Success to the next. */
  readonly gapsMs: readonly number[];
  /** Some of the faults, in words. */
  readonly faults: readonly string[];
}

/** Runs it. Throws when a talk cannot be stored for minutes, or `meanwhile` fails. */
export async function talkThrough(options: TalkThroughOptions): Promise<TalkFigures> {
  const { cluster, run, window, paceMs } = options;
  const clients: RoostClient[] = [];
  const enter = async (account: string, number: number): Promise<RoostClient> => {
    const gateway = cluster.gateways[number % cluster.gateways.length]?.tcp ?? "";
    const token = (): Promise<string> => cluster.token(account);
    const settings = { url: `tcp://${gateway}`, token, talkTriesMax: 1, acknowledge: false };
    const client = await RoostClient.connect(settings);
    clients.push(client);
    return client;
  };
  const accounts = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, number) => `${run}-${kind}-${number}`);
  try {
    const receivers = accounts("reader", options.readers);
    const readers = await Promise.all(
      receivers.map(async (account, number) => new CursorReader(account, await enter(account, number))),
    );
    const speakers = await Promise.all(
      accounts("speaker", options.speakers).map(async (account, number) => {
        const client = await enter(account, number);
        // Each begins elsewhere, so that all readers hear something at once.
        const begin = Math.floor((number * receivers.length) / options.speakers);
        const turned = [...receivers.slice(begin), ...receivers.slice(0, begin)];
        return new Speaker({ account, client, receivers: turned, window, paceMs });
      }),
    );
    return await measure(speakers, readers, options.meanwhile);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function measure(
  speakers: readonly Speaker[],
  readers: readonly CursorReader[],
  meanwhile: () => Promise<void>,
): Promise<TalkFigures> {
  const working = [...speakers.map((speaker) => speaker.talk()), ...readers.map((reader) => reader.read())];
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  for (const work of working) work.catch(failed.reject);
  const stop = (): void => {
    for (const worker of [...speakers, ...readers]) worker.stop();
  };
  try {
    const work = async (): Promise<readonly Acknowledged[][]> => {
      await served(speakers);
      const before = speakers.map(({ acknowledged }) => acknowledged.slice(-repeatedMax));
      await meanwhile();
      await served(speakers);
      return before;
    };
    const before = await Promise.race([work(), failed.promise]);
    for (const speaker of speakers) speaker.stop();
    await Promise.race([Promise.all(working.slice(0, speakers.length)), failed.promise]);
    const gapsMs = speakers.map(({ gapMsMax }) => gapMsMax);
    const changed = await repeatAll(speakers, before);
    for (const reader of readers) reader.stop();
    await Promise.all(working);
    const acknowledged = speakers.flatMap((speaker) => speaker.acknowledged);
    const sum = (of: (speaker: Speaker) => number): number => speakers.reduce((total, one) => total + of(one), 0);
    const read = await compare(readers, acknowledged);
    return {
      acknowledged: acknowledged.length,
      retried: acknowledged.filter(({ tries }) => tries > 1).length,
      refused: sum(({ refused }) => refused),
      timedOut: sum(({ timedOut }) => timedOut),
      lost: read.lost.length,
      doubled: read.doubled.length,
      changed: changed.length,
      skipped: read.skipped.length,
      gapsMs,
      faults: [read.lost, read.doubled, changed, read.skipped].flatMap((faults) => faults.slice(0, toldMax)),
    };
  } finally {
    stop();
  }
}

/** Waits until everybody has had a Success from here on. */
async function served(speakers: readonly Speaker[]): Promise<void> {
  const beginMs = performance.now();
  await until(() => speakers.every(({ lastMs }) => lastMs > beginMs), "everybody's talks are stored", servedMsMax);
}

/** Sends again what is most likely to be stored anew; a sentence for each that is told another id. */
async function repeatAll(speakers: readonly Speaker[], before: readonly Acknowledged[][]): Promise<string[]> {
  const changed = speakers.map(async (speaker, number) => {
    const retried = speaker.acknowledged.filter(({ tries }) => tries > 1).slice(0, repeatedMax);
    const faults: string[] = [];
    for (const talk of [...retried, ...(before[number] ?? [])]) {
      const id = await speaker.repeat(talk);
      if (id !== talk.id) faults.push(`${talk.body} was ${talk.id}, and is ${id} when it is repeated`);
    }
    return faults;
  });
  return (await Promise.all(changed)).flat();
}

/** What is read from the beginning, against what was acknowledged, and what the cursors met. */
async function compare(
  readers: readonly CursorReader[],
  acknowledged: readonly Acknowledged[],
): Promise<Record<"lost" | "doubled" | "skipped", string[]>> {
  const lost: string[] = [];
  const doubled: string[] = [];
  const skipped: string[] = [];
  for (const reader of readers) {
    const listed = await reader.listed();
    for (const { body, id } of acknowledged.filter(({ to }) => to === reader.account))
      if (listed.get(id) !== body) lost.push(`${body} (${id}) is not in ${reader.account}'s index`);
    const bodies = [...listed.values()].toSorted();
    for (const [at, body] of bodies.entries())
      if (body === bodies[at - 1]) doubled.push(`${body} is more than once in ${reader.account}'s index`);
    const met = new Set(reader.ids);
    for (const id of listed.keys()) if (!met.has(id)) skipped.push(`${reader.account} passed over ${id}`);
    // What it has met and what is gone now was shown before it was safe.
    for (const id of met) if (!listed.has(id)) lost.push(`${reader.account} has read ${id}, which is no more`);
  }
  return { lost, doubled, skipped };
}
