// A gateway that leaves in good order while its clients talk: everybody is answered, and is moved in its turn.

import { afterEach, expect, test } from "bun:test";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";

let stage: ClusterStage | undefined;

afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

test("a gateway that leaves sends 200 clients to the other one, and serves each until its turn", async () => {
  const { cluster } = (stage = await ClusterStage.start({ gateways: 2 }));
  const running = stage;
  const clients = await Promise.all(Array.from({ length: 200 }, (_, at) => running.wire(`client${at}`, 0)));
  const codes: number[] = [];
  for (const client of clients) void client.closed.then(({ code }) => codes.push(code));
  const talks = { answered: 0, refused: 0 };
  // Everybody talks for as long as it is there: whatever was read before the end is answered.
  const talking = clients.map(async (client, at) => {
    while (!client.isClosed) {
      const answer = await client
        .request(Command.UserTalk, `client${(at + 1) % clients.length}`, MessageReqSchema, { type: 1, body: "hello" })
        .catch(() => undefined);
      if (answer?.status === Status.Success) talks.answered++;
      else if (answer !== undefined) talks.refused++;
      await Bun.sleep(20);
    }
  });
  await until(() => talks.answered > 400, "the talk is in full swing");
  const ending = cluster.end("gateway-1", "SIGTERM");
  await until(() => codes.length > 0, "the first one is sent away");
  expect(codes.length).toBeLessThan(100);
  const staying = clients.findLast(({ isClosed }) => !isClosed);
  if (staying === undefined) throw new Error("all were sent away at once");
  const { answered } = talks;
  await until(() => talks.answered > answered + 50, "those whose turn it is not are served");
  expect(await ending).toBe(0);
  await Promise.all(talking);
  expect(codes).toEqual(Array.from(clients, () => CloseCode.Leaving));
  // Only in the moments between a client's last answer and its close may it be sent elsewhere.
  expect(talks.refused).toBeLessThanOrEqual(clients.length);
  const back = await Promise.all(clients.map((_, at) => running.wire(`client${at}`, 1)));
  const [first, second] = back;
  if (first === undefined || second === undefined) throw new Error("all are back");
  await talk(first, "client1", "here we are");
  expect((await second.pushed(Command.UserTalk, MessagePushSchema)).at(-1)?.body).toBe("here we are");
}, 60_000);
