// Opens the store on PostgreSQL: now, or when the database can be reached.

import { leaseHolder } from "../lease-holder.ts";
import { claimOfNobody, logAdoption } from "../../auth/store-ownership.ts";
import { limitValues } from "../../base/limits/table.ts";
import type { Log } from "../../base/log.ts";
import { backgroundTime } from "../../base/runtime.ts";
import type { Store } from "../store.ts";
import { placeOf } from "./client.ts";
import { DatabaseAway, QuorumFault } from "./failures.ts";
import { migrate } from "./migrate.ts";
import { PostgresStore, type PostgresStoreOptions, refusalOf } from "./postgres-store.ts";
import { hostUrls } from "../host-list.ts";
import { Primary } from "./primary/primary.ts";
import { mayBePlain } from "./secure-url.ts";
import { type Renewal, Writer } from "./writer.ts";

/** A server that was just promoted is waited for this long until it has the settings of a primary. */
const promotedMsMax = 10_000;
const againMs = 500;

/**
 * Opens the store, migrates it and leases a node number. A database that is away is tried every second without end;
 * until then the store refuses all requests. Rejects with StoreUnavailable if the settings are wrong, those of several
 * servers for longer than a promotion takes, or if the database is another program's or cluster's, or newer than this
 * program.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, log, time = backgroundTime, claim = claimOfNobody, limits = limitValues() } = options;
  const isList = hostUrls(url).length > 1;
  const primary = isList ? new Primary({ url, isAsync: options.isAsync === true, log }) : undefined;
  const writer = new Writer(url, leaseHolder(), claim, limits, primary);
  const open = async (): Promise<Renewal> => {
    await writer.atServer((server) => migrate(server, log));
    const renewal = await writer.renew();
    logAdoption(log, `The message store ${placeOf(url)}`, claim, renewal.outcome);
    return renewal;
  };
  const retrying = ({ message: reason }: Error): void =>
    log.warn("The message store is unavailable; retrying.", { store: placeOf(url), reason });
  try {
    await pastPromotion(open, retrying);
    tellOfPlainText(url, log);
    return new PostgresStore(writer, time, options);
  } catch (error) {
    if (!(error instanceof DatabaseAway)) {
      await writer.close();
      throw refusalOf(url, error);
    }
    tellOfPlainText(url, log);
    retrying(error);
    return new PostgresStore(writer, time, options, { open, reason: error.message });
  }
}

/** Patroni sets what commits wait for a moment after the promotion: opens the store again and again meanwhile. */
async function pastPromotion(open: () => Promise<unknown>, retrying: (error: Error) => void): Promise<void> {
  const endMs = performance.now() + promotedMsMax;
  for (let tries = 1; ; tries++) {
    try {
      await open();
      return;
    } catch (error) {
      if (!(error instanceof QuorumFault) || performance.now() >= endMs) throw error;
      if (tries === 1) retrying(error);
    }
    await Bun.sleep(againMs);
  }
}

/** A private network may do without TLS, so this is no warning. */
function tellOfPlainText(url: string, log: Log): void {
  if (!mayBePlain(url)) return;
  log.info(
    "The message store may be reached in plain text; add sslmode=verify-full and sslrootcert=FILE to its URL, or " +
      "sslmode=disable if the network is private.",
    { store: placeOf(url) },
  );
}
