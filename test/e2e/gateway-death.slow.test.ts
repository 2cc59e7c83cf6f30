// A gateway dies with all its clients: they are back at another one soon, each at its first try there.

import { afterEach, expect, test } from "bun:test";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { until } from "../../scripts/harness/until.ts";

const clientsCount = 5_000;
const backMsMax = 60_000;
/** Sign-ins under way at once, before the death. */
const lanes = 50;

let stage: ClusterStage | undefined;
const clients: RoostClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await stage?.close();
  stage = undefined;
});

test(`${clientsCount} clients of a killed gateway are back at another one, and no sign-in is refused`, async () => {
  const { cluster } = (stage = await ClusterStage.start({ gateways: 2 }));
  const url = cluster.gateways.map(({ tcp }) => `tcp://${tcp}`);
  const ends: number[] = [];
  let online = 0;
  const names = Array.from({ length: clientsCount }, (_, at) => `person${at}`);
  const signIns = async (): Promise<void> => {
    for (let account = names.pop(); account !== undefined; account = names.pop()) {
      const name = account;
      clients.push(
        await RoostClient.connect({
          url,
          token: () => cluster.token(name),
          on: {
            online: () => void online++,
            offline: ({ reason }) => void ends.push(reason.code),
          },
        }),
      );
    }
  };
  await Promise.all(Array.from({ length: lanes }, signIns));
  expect([online, await stage.count("gateway-1", "roost_channels")]).toEqual([clientsCount, clientsCount]);
  await cluster.end("gateway-1", "SIGKILL");
  await until(() => online === 2 * clientsCount, "all are back", backMsMax);
  expect(await stage.count("gateway-2", "roost_channels")).toBe(clientsCount);
  // Each has lost one connection. A sign-in that is refused, or a try that fails, would be another end.
  expect(ends).toEqual(Array.from({ length: clientsCount }, () => 1006));
}, 180_000);
