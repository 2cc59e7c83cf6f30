// What shows a store that its server is not the primary any more, and what does not: whoever stays with the wrong one
// refuses everything for good, and whoever leaves the right one has to look for it again.

import { describe, test } from "bun:test";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { Primary } from "../../src/store/postgres/primary/primary.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { clusterForEach } from "./postgres-cluster.ts";

describe.skipIf(!hasPostgres)("the primary of a store", () => {
  const cluster = clusterForEach();
  const primaryOf = (url: string): Primary => new Primary({ url, isAsync: false, log: silentLog });
  /** It has found the primary, and has no connection yet. */
  const writerWithPrimary = async (): Promise<Writer> => {
    const { url } = cluster;
    const primary = primaryOf(url);
    await primary.find();
    return new Writer(url, "holder", claimOfNobody, limitValues(), primary);
  };
  /** Tries it again and again. */
  const untilDone = (work: () => Promise<unknown>): Promise<void> =>
    until(
      () =>
        work().then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof StoreUnavailable)) throw error;
            return false;
          },
        ),
      "it is done",
    );

  test("is left when it dies between its finding and the opening of a store", async () => {
    const [first, second, third] = cluster.servers;
    const writer = await writerWithPrimary();
    await first.kill();
    await second.promote();
    await third.followOther(second, "s3");
    await untilDone(() => writer.atServer((server) => migrate(server, silentLog)));
    await writer.close();
  }, 120_000);
});
