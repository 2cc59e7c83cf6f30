// Who is sent away by a gateway that leaves has got what had come for it until then.

import { expect, test } from "bun:test";
import { ClientAcceptor } from "../../src/roles/gateway/client-acceptor.ts";
import { dismissClients } from "../../src/roles/gateway/dismissal.ts";
import { closeLeaving } from "../../src/wire/close-reason.ts";
import { loneGateway } from "../support/lone-gateway.ts";

test("pushes that wait for their turn are written before their receivers are sent away", async () => {
  const { gateway, client } = loneGateway();
  const [early, late] = [client("early"), client("late")];
  // Not written in this turn.
  gateway.pushes.add(Buffer.from("first"), ["early", "late"]);
  late.channel.unanswered = 1;
  const dismissed = dismissClients(gateway, 0, 5_000);
  expect(early.connection.reason).toBe(closeLeaving);
  expect(late.connection.reason).toBeUndefined();
  gateway.pushes.add(Buffer.from("second"), ["early", "late"]);
  late.channel.unanswered = 0;
  await dismissed;
  expect(early.connection.frames.map(String)).toEqual(["first"]);
  expect(late.connection.frames.map(String)).toEqual(["first", "second"]);
  expect(late.connection.reason).toBe(closeLeaving);
});

test("those who are still waited for when the time is up have got it, too", async () => {
  const { gateway, client } = loneGateway();
  const { channel, connection } = client("stuck");
  channel.unanswered = 1;
  gateway.pushes.add(Buffer.from("push"), ["stuck"]);
  await dismissClients(gateway, 0, -1);
  expect(connection.frames.map(String)).toEqual(["push"]);
});

test("clients are asked to come back over a millisecond for each of them, up to a minute", async () => {
  for (const [count, text] of [
    [0, "server is leaving; 0"],
    [300, "server is leaving; 300"],
    [60_001, "server is leaving; 60000"],
  ] as const) {
    const { gateway, client } = loneGateway();
    const { channel, connection } = client("one");
    for (let at = 1; at < count; at++) gateway.channels.set(`other ${at}`, channel);
    if (count === 0) gateway.channels.delete("one");
    gateway.beginDrain();
    gateway.channels.clear();
    if (count > 0) gateway.channels.set("one", channel);
    await dismissClients(gateway, 0, 5_000);
    expect(gateway.leavingReason).toEqual({ code: 1012, text });
    expect(connection.reason).toEqual(count === 0 ? undefined : { code: 1012, text });
    expect(new ClientAcceptor(gateway).accept(connection)).toEqual({ code: 1012, text });
  }
});
