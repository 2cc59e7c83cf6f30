// Scenario `receipts`: accounts move their read cursors as fast as they are answered, beside an open loop of talks: on
// a filled store, and in a cluster with PostgreSQL. Every move names a real message of its conversation, and advances a
// cursor; in the end the accounts' lists have to show where the cursors are.

import type { Bench } from "../bench.ts";
import { type FilledFacts, fillStore } from "../filled/filled-store.ts";
import { markersOf, sizesOf } from "../filled/population.ts";
import { listAll, signInForConversations } from "../generator/conversation-client.ts";
import { CursorMoves } from "../generator/cursor-moves.ts";
import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { runLoop } from "../generator/loop.ts";
import { readIndex } from "../generator/offline-index.ts";
import { connectPairs } from "../generator/people.ts";
import { eventsOf, type Sender, Traffic } from "../generator/traffic.ts";
import { type Findings, resultOf, type Value } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { onPostgres, postgresMissing } from "../server/postgres.ts";
import { onTalkCluster } from "./cluster-talk.ts";
import { talkingSenders, talksPerSecond, trialTalksPerSecond } from "./beside-talks.ts";

const name = "receipts";
/** Moves in flight of each account. */
const windowDefault = 8;
/** Indexes that are read, and lists that are checked, at once. */
const abreast = 8;
/** PostgreSQL takes several times as long to fill. */
const postgresShare = 0.01;

/** In the generator: `senders` and `rate` of the talks, and the `window` of each account. */
export async function loadReceipts(load: Load): Promise<Findings[]> {
  const talks = new Traffic({ audience: 0, until: "answered" });
  const moves = new Traffic({ audience: 0, until: "answered" });
  try {
    const markers = await connectMarkers(moves, load);
    await connectPairs(talks, load, false);
    const closed = { ...load, settings: { ...load.settings, rate: 0 } };
    const [[talked], [moved, ...parts]] = await Promise.all([runLoop(talks, load), runLoop(moves, closed)]);
    if (talked === undefined || moved === undefined) throw new Error("there are no figures");
    await inBatches(
      markers.length,
      abreast,
      async (index) => checkCursors(markers[index]),
      (done) => load.tell("checking the cursors", done),
    );
    // What a process used is for talks and moves together.
    const { cpu_us_per_talk: _, valid, ...figures } = moved;
    const { per_second: rate, p99_ms: p99, doubt } = talked;
    const fields: Record<string, Value> = { talks_per_second: rate ?? null, talks_p99_ms: p99 ?? null };
    if (valid && doubt !== undefined) fields["doubt"] = doubt;
    const nodes = parts.map(({ cpu_us_per_talk: _ofNode, ...rest }) => ({ ...rest, valid: rest.valid }));
    return [{ ...figures, ...fields, valid: valid && talked.valid }, ...nodes];
  } finally {
    moves.disconnect();
    talks.disconnect();
  }
}

/** An account, and the moves that it can make. */
interface Marker {
  readonly sender: Sender;
  readonly moves: CursorMoves;
}

function connectMarkers(traffic: Traffic, { target, settings, tell }: Load): Promise<Marker[]> {
  const people = markersOf(settings.isTrial);
  const { markerMessages } = sizesOf(settings.isTrial);
  return inBatches(
    people.length,
    abreast,
    async (index) => {
      const account = people[index]?.account ?? "";
      const ids = await waitingOf(target, account);
      const isShort = [...ids.values()].some(({ length }) => length !== markerMessages);
      if (isShort || ids.size === 0) throw new Error(`${account} has not the messages that its cursors can move to`);
      const sender = traffic.sender();
      sender.client = await signInForConversations(target, account, eventsOf(traffic, sender));
      const moves = new CursorMoves(sender.client.dialect, ids);
      sender.requests = moves;
      return { sender, moves };
    },
    (done) => tell("reading the indexes", done),
  );
}

/** The ids of what waits for an account, by who has sent it. */
async function waitingOf(target: Load["target"], account: string): Promise<ReadonlyMap<string, readonly bigint[]>> {
  const silent = { answered() {}, pushed() {}, lost() {} };
  const client = await LoadClient.signIn(target, account, silent, { device: "index" });
  try {
    const { ids, senders } = await readIndex(client);
    const found = new Map<string, bigint[]>();
    for (const [index, id] of ids.entries()) {
      const sender = senders[index] ?? "";
      const known = found.get(sender);
      if (known === undefined) found.set(sender, [id]);
      else known.push(id);
    }
    return found;
  } finally {
    client.disconnect();
  }
}

/** Throws where a cursor is not where the last answered move has put it. */
async function checkCursors(marker: Marker | undefined): Promise<void> {
  if (marker?.sender.client === undefined) throw new Error("an account has no connection");
  const { sender, moves } = marker;
  const cursors = moves.cursorsAfter(sender.sent);
  for (const { account, readId } of await listAll(marker.sender.client)) {
    const wanted = cursors.get(account) ?? 0n;
    if (readId !== wanted) throw new Error(`a cursor is at ${readId}, and was moved to ${wanted}`);
  }
}

async function measure(
  bench: Bench,
  server: Parameters<Bench["measure"]>[0]["server"],
  facts: Partial<FilledFacts>,
): Promise<void> {
  const { isTrial, rate, senders = talkingSenders, window = windowDefault } = bench.options;
  const settings = { senders, window, rate: rate ?? (isTrial ? trialTalksPerSecond : talksPerSecond) };
  const connections = senders + sizesOf(isTrial).markers;
  const plan = { scenario: name, load: name, transport: "tcp", connections, settings } as const;
  const [whole, ...parts] = await bench.measure(server === undefined ? plan : { ...plan, server });
  if (whole !== undefined) bench.report([{ ...whole, ...facts }, ...parts]);
}

async function measurePostgres(bench: Bench, url: string): Promise<void> {
  const rows = Math.round(bench.rows * postgresShare);
  const content = { people: markersOf(bench.options.isTrial), rows };
  const seconds = await fillStore({ ...content, store: url }, (done) => bench.tell(name, "storing rows", done));
  await measure(bench, onTalkCluster(url), { rows, fill_seconds: Math.round(seconds) });
}

export const receipts: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { store } = bench.options;
    if (store === undefined)
      await bench.onFilledServer(name, (server, facts) => measure(bench, (work) => work(server), facts));
    if (store !== undefined) await measurePostgres(bench, store);
    else if (postgresMissing === undefined) await onPostgres((url) => measurePostgres(bench, url));
    else bench.report([resultOf(name, { store: "postgres", valid: true, skipped: postgresMissing })]);
  },
};
