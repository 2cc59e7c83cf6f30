// Scenario `postgres-ha`: three PostgreSQL under Patroni. How many talks a second are stored with no, one and two
// standbys that hold each commit before it is answered; then, with one of two, how long clients are without a Success
// when the primary is killed, frozen or switched.

import { patroniMissing } from "../../scripts/harness/patroni/programs.ts";
import type { Standbys } from "../../scripts/harness/patroni/config.ts";
import type { Bench, OnServer } from "../bench.ts";
import { databaseFailures, failDatabase } from "../failures/database-failures.ts";
import { talkThrough } from "../failures/talk-through.ts";
import type { Load } from "../generator/load.ts";
import { Latency } from "../latency.ts";
import { type Findings, type Result, resultOf } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { onBenchCluster } from "../server/cluster.ts";
import { onPatroni } from "../server/patroni.ts";
import { onTalkCluster } from "./cluster-talk.ts";

const scenario = "postgres-ha";
const sendersDefault = 50;
const windowDefault = 32;
/** Of what the closed loop reached, in the open one. */
const openShare = 0.5;

const roundsDefault = 3;
/** The longest failure, until it is mended, on a busy machine. */
const secondsOfRound = 90;
const size = { discovery: 1, gateways: 1, logins: 1, chats: 2 } as const;
const talks = { speakers: 50, readers: 100, window: 2, paceMs: 20 } as const;
const trialTalks = { speakers: 4, readers: 4, window: 1, paceMs: 20 } as const;

/** In the generator: `part`, the name of a failure, and `kills`, how often. Throws when anything is lost. */
export async function loadDatabaseFailure({ settings, tell }: Load): Promise<Findings[]> {
  const { part, kills, isTrial } = settings;
  const failure = databaseFailures.find(({ name }) => name === part);
  if (failure === undefined) throw new Error(`there is no failure ${part}`);
  const amount = isTrial ? trialTalks : talks;
  const gaps = new Latency();
  const sums = { acknowledged: 0, retried: 0, refused: 0, timed_out: 0 };
  return onPatroni(1, async (patroni) =>
    onBenchCluster({ size, store: await patroni.makeDatabase() }, async ({ processes, store }) => {
      for (let round = 0; round < kills; round++) {
        tell(part, round / kills);
        const found = await talkThrough({
          ...amount,
          cluster: processes,
          run: `round-${round}`,
          meanwhile: () => failDatabase(patroni, failure),
        });
        if (found.faults.length > 0) throw new Error(`${part}: ${found.faults.join("; ")}`);
        for (const gapMs of found.gapsMs) gaps.record(0, gapMs);
        sums.acknowledged += found.acknowledged;
        sums.retried += found.retried;
        sums.refused += found.refused;
        sums.timed_out += found.timedOut;
      }
      const connections = amount.speakers + amount.readers;
      const circumstances = { transport: "tcp", topology: "processes", store, connections, standbys: 1, kills };
      const nothing = { lost: 0, duplicated: 0, reordered: 0 };
      return [{ ...circumstances, failure: part, ...gaps.fields(), ...sums, ...nothing, valid: true }];
    }),
  );
}

/** The closed loop, and an open one at half its rate. */
async function measureStandbys(bench: Bench, standbys: Standbys): Promise<void> {
  const { senders = sendersDefault, window = windowDefault } = bench.options;
  const transport = bench.transports[0] ?? "tcp";
  await onPatroni(standbys, async (patroni) => {
    // A store of several hosts is refused where no standby holds a commit.
    const newStore = (): Promise<string> => (standbys === 0 ? patroni.makeDatabaseOfOne() : patroni.makeDatabase());
    const server: OnServer = async (work) => onTalkCluster(await newStore())(work);
    const plan = { load: "talk", transport, connections: 2 * senders, server } as const;
    const told = (results: readonly Result[]): void => bench.report(results.map((result) => ({ ...result, standbys })));
    const closed = await bench.measure({ ...plan, scenario, settings: { senders, window } });
    told(closed);
    const rate = Math.max(1, Math.round(openShare * Number(closed[0]?.["per_second"] ?? 0)));
    told(await bench.measure({ ...plan, scenario: `${scenario}-open`, settings: { senders, rate } }));
  });
}

export const postgresHa: Scenario = {
  name: scenario,
  takesUrl: false,
  async run(bench) {
    const { isTrial, kills = roundsDefault } = bench.options;
    const missing = await patroniMissing();
    if (missing !== undefined) {
      bench.report([resultOf(scenario, { store: "postgres", valid: true, skipped: missing })]);
      return;
    }
    for (const standbys of isTrial ? ([1] as const) : ([0, 1, 2] as const)) await measureStandbys(bench, standbys);
    // One is enough to see whether it works.
    for (const { name } of isTrial ? databaseFailures.slice(-1) : databaseFailures) {
      const settings = { part: name, kills, seconds: secondsOfRound * kills };
      await bench.measureAlone(`${scenario}-failures`, "database-failure", settings);
    }
  },
};
