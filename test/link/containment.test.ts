// What a bug costs among links: the one link, which is made again. Over TCP.

import { afterEach, describe, expect, test } from "bun:test";
import { AcceptingHandshake } from "../../src/link/accepting-handshake.ts";
import type { Connection, FrameHandler } from "../../src/transport/transport.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { RawTcp } from "../support/raw-tcp.ts";
import { until } from "../../scripts/harness/until.ts";
import { closeAll, linkHost, newIdentity } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { diallingBy } from "./handshake-support.ts";
import { TestGateway } from "./test-gateway.ts";
import { TestNode } from "./test-node.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const request = encodeLogicPacket({ command: "chat.user.talk" }, new Uint8Array(0));
const bug = new Error("a bug");
const throwBug = (): never => {
  throw bug;
};

afterEach(async () => {
  await closeAll();
});

test("peers that have reset before they were accepted are counted, and links are taken after them", async () => {
  const node = TestNode.start("n1");
  const port = Number(node.address.split(":")[1]);
  // This process accepts when this turn has ended.
  for (let count = 0; count < 20; count++) new RawTcp(port, "127.1.2.3").reset();
  await until(() => node.metrics.peersGone === 20, "all are found gone");
  await HandDialler.linked(node.address);
  expect(node.bugs).toBe(0);
});

test("a bug while a dialler's id is looked up ends that connection, and the next one is linked", async () => {
  const node = TestNode.start("n1");
  const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
  const holder = node.service.holder.bind(node.service);
  node.service.holder = () => Promise.reject(bug);
  const unlucky = await HandDialler.connect(node.address, { identity: newIdentity("unlucky") });
  unlucky.hello();
  await unlucky.recording.end();
  node.service.holder = holder;
  await good.works();
  await HandDialler.linked(node.address, { identity: newIdentity("unlucky") });
  expect(node.bugs).toBe(1);
});

test("a bug where a service takes a link over ends that connection, and its place for handshakes is free", async () => {
  const node = TestNode.start("n1");
  const linked = node.service.linked.bind(node.service);
  node.service.linked = throwBug;
  // More than handshakes may be under way at a time.
  for (let count = 0; count < 70; count++) {
    const unlucky = await HandDialler.connect(node.address, { identity: newIdentity(`u${count}`) });
    await unlucky.shake();
    await unlucky.recording.end();
  }
  expect(node.bugs).toBe(70);
  node.service.linked = linked;
  await HandDialler.linked(node.address);
});

test("a bug in a node's answer to a packet ends that gateway's link, which is made again", async () => {
  const node = TestNode.start("n1");
  const other = await HandDialler.linked(node.address, { identity: newIdentity("other") });
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  const [link] = gate.links;
  node.asked.push = throwBug;
  link?.connection.send(request);
  await until(() => node.bugs === 1, "it meets the bug");
  Reflect.deleteProperty(node.asked, "push");
  await until(() => gate.links.length === 1 && gate.links[0] !== link, "it is linked again");
  await gate.linkedTo(node);
  await other.works();
  expect(node.service.unanswered).toBe(0);
});

test("a bug in a gateway when it loses a link does not keep it from linking that node again", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  const [link] = gate.links;
  if (link === undefined) throw new Error("it is linked");
  link.pending.drain = throwBug;
  link.connection.fail(bug);
  await until(() => gate.links.length === 1 && gate.links[0] !== link, "it is linked again");
  expect(gate.bugs).toBe(2);
});

test("a bug in a gateway when a link begins to stand does not keep it from linking that node again", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  const { links } = gate.gateway;
  const add = links.add.bind(links);
  let meetings = 0;
  links.add = (link) => {
    if (meetings++ < 2) throwBug();
    add(link);
  };
  gate.list(node);
  await gate.linkedTo(node);
  expect(gate.bugs).toBe(2);
});

describe("in time", () => {
  const nowhere: FrameHandler = { frame() {}, closed() {} };

  /** A connection that cannot be closed. */
  function broken(): Connection & { readonly bugs: unknown[] } {
    const bugs: unknown[] = [];
    return {
      bugs,
      remoteAddress: "stub",
      isOpen: true,
      unsentBytes: 0,
      frameBytesMax: 1,
      outbound: Buffer.alloc(0),
      reserve: () => -1,
      identified() {},
      handOver() {},
      unreserve() {},
      send: () => true,
      close: throwBug,
      fail: (met) => void bugs.push(met),
    };
  }

  test("a bug in the timer of a handshake ends its connection, on either side", () => {
    const time = new ManualTimers();
    const host = { ...linkHost(() => nowhere), timers: time };
    const [accepting, dialling] = [broken(), broken()];
    const handshake = new AcceptingHandshake(accepting, host);
    diallingBy(time, dialling).met.catch(() => undefined);
    time.advance(10_000);
    expect(accepting.bugs).toEqual([bug]);
    handshake.closed();
    expect(dialling.bugs).toEqual([bug]);
  });
});
