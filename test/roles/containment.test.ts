// What a bug costs in the roles: the connection or the request that meets it. What others have in the same buffers, the
// same batch and the same tables stays as it was.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { TokenVerifier } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Link, Links } from "../../src/routing/links.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import { goLive } from "../../src/roles/gateway/accept.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { ClientChannel } from "../../src/roles/gateway/client-channel.ts";
import { ClientAcceptor } from "../../src/roles/gateway/client-acceptor.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { Gateway } from "../../src/roles/gateway/gateway.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import type { TalkOutcome } from "../../src/store/store.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, LoginReqSchema, MessageReqSchema, MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { encodeStamp, stampedBytes, writeStamped } from "../../src/wire/packet-stamp.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { testLimits } from "../support/limits.ts";
import { plainlyStored, talkStore } from "../support/talk-store.ts";
import { systemRuntime } from "../../src/base/runtime.ts";

const bug = new Error("a bug");
const throwBug = (): never => {
  throw bug;
};

/** A connection that shows what was written into it, and can be broken so that nothing can be. */
class ShownConnection implements Connection {
  readonly remoteAddress = "10.0.0.1";
  readonly unsentBytes = 0;
  frameBytesMax = 1;
  isOpen = true;
  /** So many frames meet a bug when they are to be written. */
  broken = 0;
  private isBroken = false;
  readonly bugs: unknown[] = [];
  private readonly written: Buffer[] = [];

  get outbound(): Buffer {
    if (this.isBroken) throwBug();
    return this.written.at(-1) ?? Buffer.alloc(0);
  }
  reserve(payloadBytes: number): number {
    this.isBroken = this.broken-- > 0;
    this.written.push(Buffer.alloc(payloadBytes));
    return 0;
  }
  identified(): void {}
  handOver(): void {}
  unreserve(): void {
    this.written.pop();
  }
  send(payload: Uint8Array): boolean {
    this.written.push(Buffer.from(payload));
    return true;
  }
  close(): void {
    this.isOpen = false;
  }
  fail(met: unknown): void {
    this.isOpen = false;
    this.bugs.push(met);
  }

  get frames(): number {
    return this.written.length;
  }
  /** Of the requests and answers among them. */
  get packets(): LogicPacket[] {
    return this.written.map((bytes) => decodePacket(bytes)).filter((packet) => packet.kind === "logic");
  }
}

function gatewayOf(connectionsMax = 100) {
  const wheel = new TimerWheel();
  const links = new Links<Channel>(["chat", "login"]);
  const bounds = testLimits();
  const gateway = new Gateway({
    serviceId: "gate",
    links,
    verifier: new TokenVerifier([new Uint8Array(32)]),
    wheel,
    limits: new AddressLimits(connectionsMax, bounds, wheel),
    bounds,
    metrics: new Metrics().forService("gate", "gateway"),
    log: silentLog,
    ...defaultSettings("gateway"),
    ...systemRuntime,
  });
  const up = new ShownConnection();
  const link = new Link<Channel>("chat", "chat-1", up);
  links.add(link);
  const live = (id: string): { channel: ClientChannel; connection: ShownConnection } => {
    const connection = new ShownConnection();
    const channel = new ClientChannel(gateway, connection);
    Object.assign(channel, { id, app: "app", account: id });
    goLive(gateway, channel);
    gateway.channels.set(id, channel);
    return { channel, connection };
  };
  return { gateway, up, link, live, wheel };
}

const talkBody = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: "hello" }));
const talk = Buffer.from(encodeLogicPacket({ command: Command.UserTalk, dest: "bob", sequence: 7 }, talkBody));

test("a bug while a request is written to a link takes it back from the link, and frees its ticket", () => {
  const { up, link, live } = gatewayOf();
  const [victim, witness] = [live("alice"), live("carol")];
  up.broken = 1;
  expect(() => victim.channel.frame(talk, 0, talk.length)).toThrow();
  expect([up.frames, link.pending.size, victim.channel.unanswered]).toEqual([0, 0, 0]);
  witness.channel.frame(talk, 0, talk.length);
  expect(up.packets.map(({ header }) => header.sequence)).toEqual([7]);
  expect(link.pending.size).toBe(1);
});

test("a bug while a push is written to a client takes it back from that client", () => {
  const { gateway, link, live } = gatewayOf();
  const { connection } = live("alice");
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  const push = Buffer.from(
    encodeLogicPacket(
      {
        command: Command.UserTalk,
        flag: Flag.Push,
        meta: [meta(MetaKey.DestServer, "gate"), meta(MetaKey.DestChannels, "alice")],
      },
      new Uint8Array(0),
    ),
  );
  const downlink = new Downlink(gateway, link);
  connection.broken = 1;
  expect(() => downlink.frame(push, 0, push.length)).toThrow();
  expect(connection.frames).toBe(0);
  downlink.frame(push, 0, push.length);
  expect(connection.frames).toBe(1);
});

test("a bug while a token is verified ends that connection", async () => {
  const { gateway } = gatewayOf();
  const connection = new ShownConnection();
  const channel = new ClientChannel(gateway, connection);
  gateway.verifier.verify = () => Promise.reject(bug);
  const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token: "x" }));
  const signIn = Buffer.from(encodeLogicPacket({ command: Command.SignIn }, body));
  channel.frame(signIn, 0, signIn.length);
  await Bun.sleep(0);
  expect(connection.bugs).toEqual([bug]);
});

test("a bug while a connection is let in gives its place back", () => {
  const { gateway, wheel } = gatewayOf(1);
  const acceptor = new ClientAcceptor(gateway);
  wheel.arm = throwBug;
  expect(() => acceptor.accept(new ShownConnection())).toThrow(bug);
  Reflect.deleteProperty(wheel, "arm");
  expect(acceptor.accept(new ShownConnection())).toBeInstanceOf(ClientChannel);
});

const stored: TalkOutcome = { ...plainlyStored, messageId: 1_000n, sendTime: 2_000n };

/** A chat service with one link, on which three people talk, and whose parts a test can break. */
async function chatService() {
  const store = talkStore(stored);
  const sessions: Sessions = new MemorySessions();
  for (const account of ["alice", "bob", "carol"])
    await sessions.put("app", account, { device: "", gateway: "gate", incarnation: "1", channelId: account });
  const metrics = new Metrics();
  const service = createChatService({
    ...defaultSettings("chat"),
    store,
    sessions,
    metrics: metrics.forService("chat-1", "chat"),
    latency: metrics.talkLatency,
    ...systemRuntime,
    limits: testLimits(),
    control: new ControlCommands({}, () => undefined),
    log: silentLog,
  });
  const connection = new ShownConnection();
  const link = service.linked(connection, "gate", "1");
  /** A request of alice's on its way from the gateway. */
  const request = (sequence: number, command: string = Command.UserTalk, dest = "bob"): void => {
    const packet = Buffer.from(encodeLogicPacket({ command, dest, sequence }, talkBody));
    const scan = new PacketScan();
    scanPacket(packet, scan);
    const stamp = encodeStamp("alice", "app", "alice", "gate");
    const stamped = Buffer.alloc(stampedBytes(scan, stamp.length, sequence));
    writeStamped(stamped, 0, packet, scan, stamp, sequence);
    link.frame(stamped, 0, stamped.length);
  };
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  const answers = (): (readonly [number, Status])[] =>
    connection.packets
      .filter(({ header }) => header.flag === Flag.Response)
      .map(({ header }) => [header.sequence, header.status] as const);
  const pushes = (): number => connection.packets.filter(({ header }) => header.flag === Flag.Push).length;
  const bugs = (): number => metrics.bugs.count("request");
  return { store, sessions, service, connection, request, settled, answers, pushes, bugs };
}

test("a bug while an answer is written takes it back, and the request is answered with SystemException", async () => {
  const { connection, request, settled, answers, pushes, bugs, service } = await chatService();
  connection.broken = 1;
  for (const sequence of [1, 2, 3]) request(sequence);
  await settled();
  expect(answers()).toEqual([
    [1, Status.SystemException],
    [2, Status.Success],
    [3, Status.Success],
  ]);
  // All three are stored.
  expect(pushes()).toBe(3);
  expect(bugs()).toBe(1);
  expect(service.unanswered).toBe(0);
  expect(connection.isOpen).toBe(true);
});

test("a bug that keeps even the refusal from being written ends the link", async () => {
  const { connection, request, settled, bugs } = await chatService();
  connection.broken = 2;
  request(1);
  await settled();
  expect(connection.bugs).toHaveLength(1);
  expect(bugs()).toBe(1);
});

test("a bug in the store's answer fails its batch, and the batches after it go on", async () => {
  const { store, request, settled, answers, bugs } = await chatService();
  const append = store.append.bind(store);
  store.append = throwBug;
  request(1);
  request(2);
  await settled();
  store.append = append;
  request(3);
  await settled();
  expect(answers()).toEqual([
    [1, Status.SystemException],
    [2, Status.SystemException],
    [3, Status.Success],
  ]);
  expect(bugs()).toBe(2);
});

test("a bug while a receiver is looked for, or pushed to, costs that push, and the others are pushed", async () => {
  const { sessions, connection, request, settled, answers, pushes, bugs } = await chatService();
  const locate = sessions.locate.bind(sessions);
  sessions.locate = (app, accounts) => (accounts.includes("carol") ? throwBug() : locate(app, accounts));
  request(1);
  request(2, Command.UserTalk, "carol");
  request(3);
  await settled();
  expect(answers().map(([, status]) => status)).toEqual([Status.Success, Status.Success, Status.Success]);
  expect([pushes(), bugs()]).toEqual([2, 1]);
  request(4);
  request(5);
  const reserve = connection.reserve.bind(connection);
  let reserved = 0;
  connection.reserve = (bytes) => {
    if (++reserved === 3) connection.broken = 1;
    return reserve(bytes);
  };
  await settled();
  expect([pushes(), bugs()]).toEqual([3, 2]);
  expect(answers()).toHaveLength(5);
});

test("a bug in a command answers SystemException to its request, and others are served", async () => {
  const { sessions, request, settled, answers, bugs } = await chatService();
  const locate = sessions.locate.bind(sessions);
  sessions.locate = throwBug;
  request(1);
  sessions.locate = () => Promise.reject(bug);
  request(2);
  sessions.locate = locate;
  request(3);
  await settled();
  expect(answers().toSorted(([a], [b]) => a - b)).toEqual([
    [1, Status.SystemException],
    [2, Status.SystemException],
    [3, Status.Success],
  ]);
  expect(bugs()).toBe(2);
});
