// The sessions' Redis is lost for good, and its address leads to another one, which is empty: as behind a proxy that
// follows a failover.

import { afterEach, expect, test } from "bun:test";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import type { WireClient } from "../support/wire-client.ts";

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

test.skipIf(isRedisMissing)(
  "behind the address of a lost Redis an empty one goes on: nobody is signed out, and everybody hears again",
  async () => {
    const [lost, empty] = await Promise.all([RedisServer.start(), RedisServer.start()]);
    endings.push(() => lost.remove());
    endings.push(() => empty.remove());
    const proxy = await TcpProxy.start(lost.port);
    endings.push(() => proxy.stop());
    const stage = await ClusterStage.start({ gateways: 2 }, { sessions: `redis://127.0.0.1:${proxy.port}/0` });
    endings.push(() => stage.close());
    const alice = await stage.wire("alice", 0);
    const bob = await stage.wire("bob", 1);
    await talk(alice, "bob", "before");

    await lost.kill();
    const say = async (client: WireClient, to: string, body: string): Promise<Status> =>
      (await client.request(Command.UserTalk, to, MessageReqSchema, { type: 1, body, clientId: body })).status;
    await until(async () => (await say(alice, "bob", "meanwhile")) === Status.SystemException, "talks are refused");
    proxy.switchTo(empty.port);
    await until(async () => (await say(alice, "bob", "meanwhile")) === Status.Success, "talks are stored again");
    await until(async () => (await say(bob, "alice", "I am here")) === Status.Success, "bob's are, too");
    await stage.cluster.ready();
    // Those who are connected are known to the empty one by now, or soon.
    await Promise.all([alice, bob].map((client) => client.pushed(Command.Sync, EmptySchema)));
    await talk(alice, "bob", "after");
    await until(
      async () => (await bob.pushed(Command.UserTalk, MessagePushSchema)).some(({ body }) => body === "after"),
      "bob hears again",
    );
    expect([alice.isClosed, bob.isClosed]).toEqual([false, false]);
  },
  120_000,
);
