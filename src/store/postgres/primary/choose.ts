// Which of several servers is the primary.
//
// libpq takes the first one that is writable, and Patroni has the lock of its leader in etcd. This program has neither
// a lock nor faith in the order of a list: two servers that take writes at once are two histories, and each
// acknowledges what the other one does not have. A higher timeline alone proves nothing: whoever promotes a standby by
// hand makes one, while the former primary goes on with its other standbys. What proves it is that the former primary
// waits for standbys and has none left: nothing is acknowledged there.

import { DatabaseAway } from "../failures.ts";
import { StoreUnavailable } from "../../store.ts";
import type { HostAnswer, Serving } from "./host-answer.ts";

/** What this process knows of the cluster from before. */
export interface KnownCluster {
  readonly system: string;
  /** The highest timeline that was written on. */
  readonly timeline: number;
}

interface Choice {
  readonly host: string;
  readonly told: Serving;
  /** What the operator has to know; undefined if all is well. */
  readonly warning: string | undefined;
}

interface Answered {
  readonly host: string;
  readonly told: Serving;
}

function hasAnswered(answer: HostAnswer): answer is Answered {
  return !(answer.told instanceof StoreUnavailable);
}

function stateOf({ host, told }: HostAnswer): string {
  if (told instanceof StoreUnavailable) return `${host}: ${told.message}`;
  return `${host}: ${told.isReadOnly ? "a standby, or read-only" : `writable, on timeline ${told.timeline}`}`;
}

/** Whether its commits wait for standbys of which none is connected, as far as its user may see. */
function isAlone({ told: { waiting } }: Answered): boolean {
  return waiting.names !== "" && waiting.maySee && waiting.standbys === 0;
}

/**
 * Returns the server that is the primary.
 * @throws DatabaseAway if no server, or more than one, takes writes now; StoreUnavailable if the servers are of
 * different clusters, or if none will answer without other settings
 */
export function choosePrimary(answers: readonly HostAnswer[], known: KnownCluster | undefined): Choice {
  const answered = answers.filter(hasAnswered);
  refuseOtherClusters(answered, known);
  const writable: Answered[] = [];
  for (const answer of answered) {
    // One server may have two names.
    const isNamed = writable.some(({ told }) => told.started === answer.told.started);
    if (!answer.told.isReadOnly && !isNamed) writable.push(answer);
  }
  const states = answers.map(stateOf).join("; ");
  const [first, ...others] = writable.toSorted((a, b) => b.told.timeline - a.told.timeline);
  if (first === undefined) {
    const isSetting = answers.every(({ told }) => told instanceof StoreUnavailable && !(told instanceof DatabaseAway));
    const sentence = `no host of the list takes writes (${states})`;
    throw isSetting ? new StoreUnavailable(sentence) : new DatabaseAway(sentence);
  }
  const isNewest = others.every(({ told }) => told.timeline < first.told.timeline);
  if (others.length > 0 && (isAlone(first) || !isNewest || !others.every(isAlone)))
    throw new DatabaseAway(
      `${writable.length} hosts of the list take writes, and their histories differ from now on (${states}); stop ` +
        "those whose commits are to be lost",
    );
  if (known !== undefined && first.told.timeline < known.timeline)
    throw new DatabaseAway(
      `${first.host} is a former primary: it is on timeline ${first.told.timeline}, and this process has written on ` +
        `timeline ${known.timeline} (${states}). If that one is gone for good, start this process again`,
    );
  return { ...first, warning: warningOf(answers, others) };
}

function refuseOtherClusters(answered: readonly Answered[], known: KnownCluster | undefined): void {
  const system = known?.system ?? answered[0]?.told.system;
  if (answered.every(({ told }) => told.system === system)) return;
  const all = answered.map(({ host, told }) => `${host}: ${told.system}`).join(", ");
  const before = known === undefined ? "" : `; until now it was ${known.system}`;
  throw new StoreUnavailable(
    `the hosts of the list are of different clusters (their system identifiers: ${all}${before}); ` +
      "name the hosts of one",
  );
}

function warningOf(answers: readonly HostAnswer[], alone: readonly Answered[]): string | undefined {
  // An answer that other settings would change: a wrong password, a missing database.
  const refused = answers.filter(({ told }) => told instanceof StoreUnavailable && !(told instanceof DatabaseAway));
  const lines = [
    ...alone.map(({ host }) => `${host} takes writes, too, but has no standby that would make them hold; stop it`),
    ...refused.map((answer) => `no failover to ${stateOf(answer)}`),
  ];
  return lines.length === 0 ? undefined : lines.join("; ");
}
