// What a chat node learns from gateways about connections: since when they are signed in, and from where.

import { expect, test } from "bun:test";
import { ConnectionQuestions } from "../../src/roles/chat/connection-questions.ts";
import { CallContext } from "../../src/service/call-context.ts";
import type { GatewayLink } from "../../src/service/context.ts";
import type { Location } from "../../src/session/sessions.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, MetaType } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** An answer that came over the link of a gateway. */
class GatewayContext extends CallContext {
  private readonly from: string;

  constructor(gateway: string, body: Uint8Array, account = "") {
    super({ command: Command.Connections, app: "", account, body: Buffer.from(body), receivedMs: 0 }, () => undefined);
    this.from = gateway;
  }

  override get link(): GatewayLink {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the handler asks for the gateway alone
    return { gateway: this.from } as GatewayLink;
  }
}

const locationOf = (channelId: string, gateway = "gate"): Location => ({
  device: "",
  channelId,
  gateway,
  incarnation: "",
});

function stage() {
  let nowMs = 10_000;
  const lone = loneGateway({}, Date.now, () => nowMs);
  const timers = new ManualTimers();
  const told: [string, Uint8Array][] = [];
  const questions = new ConnectionQuestions(
    { tell: (gateway, _, body) => void told.push([gateway, body ?? new Uint8Array()]) },
    {
      timers,
    },
  );
  /** Brings the questions so far to the gateway, and its answers back. */
  const exchange = async (from = "gate"): Promise<void> => {
    for (const [, body] of told.splice(0)) {
      const meta = [{ key: MetaKey.DestServer, value: "gate", type: MetaType.string }];
      const packet = Buffer.from(encodeLogicPacket({ command: Command.Connections, flag: Flag.Push, meta }, body));
      lone.downlink.frame(packet, 0, packet.length);
    }
    for (const { body } of lone.node.packets.filter(({ header }) => header.command === Command.Connections))
      await questions.answered(new GatewayContext(from, body));
  };
  const client = (account: string, signedInMs: number) => {
    const { channel } = lone.client(account);
    Object.assign(channel, { signedInMs });
  };
  const setNow = (ms: number): void => void (nowMs = ms);
  return { ...lone, timers, told, questions, exchange, client, setNow };
}

test("a gateway tells the age and the address of the connections that it has", async () => {
  const { questions, exchange, client, setNow } = stage();
  client("ann", 10_000);
  client("bob", 12_000);
  setNow(15_500);
  const asked = questions.about([locationOf("ann"), locationOf("bob"), locationOf("gone")]);
  await exchange();
  expect([...(await asked).values()]).toEqual([
    { channel: "ann", ageMs: 5_500, address: "127.0.0.1" },
    { channel: "bob", ageMs: 3_500, address: "127.0.0.1" },
  ]);
});

test("a gateway that does not answer is not waited for longer than a second, and no other answers for it", async () => {
  const { questions, exchange, client, timers } = stage();
  client("ann", 10_000);
  const asked = questions.about([locationOf("ann", "other")]);
  await exchange("gate");
  timers.advance(999);
  expect(timers.pending).toBe(1);
  timers.advance(1);
  expect(await asked).toEqual(new Map());
});

test("malformed questions and answers, and those of clients, are refused", async () => {
  const { questions, gateway, downlink, node } = stage();
  const meta = [{ key: MetaKey.DestServer, value: "gate", type: MetaType.string }];
  for (const bad of ["", "[]", '{"ask":1}', '{"ask":-1,"channels":[]}', '{"ask":1,"channels":[1]}']) {
    const body = Buffer.from(bad);
    const packet = Buffer.from(encodeLogicPacket({ command: Command.Connections, flag: Flag.Push, meta }, body));
    downlink.frame(packet, 0, packet.length);
    await expect(async () => questions.answered(new GatewayContext("gate", body))).toThrow("does not tell");
  }
  expect(gateway.metrics.faults.counts.get("link-packet")?.count).toBe(5);
  expect(node.frames).toEqual([]);
  const answer = Buffer.from('{"ask":1,"connections":[]}');
  await expect(async () => questions.answered(new GatewayContext("gate", answer, "ann"))).toThrow("between services");
});
