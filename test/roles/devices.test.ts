// An account with as many devices as it may have learns what it can do.

import { expect, test } from "bun:test";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger } from "../support/messenger.ts";
import { until } from "../../scripts/harness/until.ts";

test("the refusal of one device too many says what to do, and doing it helps", async () => {
  const messenger = await Messenger.start({ limits: testLimits({ devicesPerAccount: 1 }) });
  const token = await messenger.token("alice");
  const connect = (device: string): Promise<RoostClient> =>
    RoostClient.connect({ url: `ws://${messenger.ws}`, token, device });
  const clients: RoostClient[] = [];
  try {
    clients.push(await connect("phone"));
    await expect(connect("laptop")).rejects.toThrow(
      "this account is already signed in on 1 device, the limit: end the connection of one, " +
        "or sign in with its device name; a device that has lost its network counts for some minutes more",
    );
    clients.push(await connect("phone"));
    await Promise.all(clients.splice(0).map((client) => client.close()));
    // The server has still to see that it has left.
    await until(async () => clients.push(await connect("laptop")) > 0, "the place is free");
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await messenger.stop();
  }
});
