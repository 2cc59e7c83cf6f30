// Links over TLS: certificates on both sides, real sockets, and openssl as a peer that is not ours.

import { describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { connect as connectSecure } from "node:tls";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { NodeTls, readNodePair } from "../../src/transport/tls/node-tls.ts";
import { closeNormal } from "../../src/wire/close-reason.ts";
import { type Pair, selfSigned, TestAuthority } from "../support/certificates.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { silentLog } from "../../src/base/log.ts";
import { CertificateWatch } from "../../src/transport/tls/certificate-watch.ts";
import { random, shakeHands, watchHandshakes } from "./handshake-support.ts";
import { afterwards, LinkEnd, newIdentity, outcome } from "./support.ts";
import { dialLink } from "../../src/link/link-network.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { Recording } from "../transport/recording.ts";
import { TestNode } from "./test-node.ts";

watchHandshakes();

const folder = temporaryFolder("roost-link-tls-");
const [ours, theirs] = [new TestAuthority(folder), new TestAuthority(folder)];
const both = "extendedKeyUsage=serverAuth,clientAuth";
const [chat, gate, stranger] = [ours.leaf({ extra: both }), ours.leaf({ extra: both }), theirs.leaf({ extra: both })];

interface Choice {
  readonly authorities?: string;
  readonly isRequired?: boolean;
}

/** TLS of a node, judged as at a start. */
function tlsOf(pair: Pair, { authorities = ours.root, isRequired = true }: Choice = {}): NodeTls {
  const files = { ...pair, authorities };
  return new NodeTls(files, readNodePair(files, Date.now()), isRequired);
}

/** TLS of a node whose certificate was good when it started, and is not any more. */
function spoiled(pair: Pair, bad: Pair, authorities = ours.root): NodeTls {
  const tls = tlsOf(pair);
  const [certificate, key] = [readFileSync(bad.certificate, "utf8"), readFileSync(bad.key, "utf8")];
  const good = readNodePair({ ...pair, authorities: ours.root }, Date.now());
  const pem = readFileSync(authorities, "utf8");
  tls.replace({
    certificate: { ...good.certificate, pem: { certificate, key } },
    authorities: { pem, certificates: [] },
  });
  return tls;
}

let diallers = 0;
const gateway = (tls?: NodeTls): LinkEnd => new LinkEnd(newIdentity(`gate-${diallers++}`), undefined, undefined, tls);
const linked = (node: TestNode, tls?: NodeTls): Promise<string> =>
  outcome(shakeHands(node.address, "node", gateway(tls)));

describe("a node that requires TLS", () => {
  test("announces tls:// and is linked by a gateway with a certificate of the cluster", async () => {
    const node = TestNode.start("node", { tls: tlsOf(chat) });
    expect(node.address).toMatch(/^tls:\/\/127\.0\.0\.1:\d+$/);
    const { met, recording } = await shakeHands(node.address, "node", gateway(tlsOf(gate)));
    expect(met.identity.id).toBe("node");
    recording.connection.close(closeNormal);
    await until(() => node.told.some((told) => told.startsWith("lost gate")), "the link ends");
  });

  const expired = { from: "20200101000000Z", to: "20210101000000Z", extra: both };
  const refusals: readonly [string, () => NodeTls, string][] = [
    ["another authority's", () => spoiled(gate, stranger), "was issued by no authority that is known here"],
    ["an expired", () => spoiled(gate, ours.leaf(expired)), "has expired"],
    ["a self-signed", () => spoiled(gate, selfSigned(folder)), "was signed by its own key"],
    ["a server's only", () => spoiled(gate, ours.leaf()), "is not for this purpose"],
  ];
  test.each(refusals)("refuses %s certificate, tells why, and counts it", async (_, tls, sentence) => {
    const node = TestNode.start("node", { tls: tlsOf(chat) });
    expect(await linked(node, tls())).toContain(`it closed the link: 4003 your certificate ${sentence}`);
    await until(() => node.faults("tls-peer") === 1, "it is counted");
    expect(node.told).toEqual([]);
    expect(await linked(node, tlsOf(gate))).toBe("linked");
  });

  test("refuses a peer without a certificate", async () => {
    const node = TestNode.start("node", { tls: tlsOf(chat) });
    const port = Number(node.address.split(":").at(-1));
    const socket = connectSecure({ host: "127.0.0.1", port, ca: readFileSync(ours.root) });
    afterwards(() => void socket.destroy());
    const ended = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => undefined);
    socket.resume();
    await ended;
    await until(() => node.faults("tls-peer") === 1, "it is counted");
  });

  test("tells a gateway without certificates what is missing", async () => {
    const node = TestNode.start("node", { tls: tlsOf(chat) });
    expect(await linked(node)).toContain("takes links over TLS only; give this process --node-cert");
    // An entry that was changed to plain text leads nowhere, either.
    const plain = node.address.replace("tls://", "");
    expect(await outcome(shakeHands(plain, "node", gateway()))).toContain("this port takes TLS only");
    expect(node.faults("plain-text")).toBe(1);
  });

  const bad: readonly [string, () => NodeTls, RegExp][] = [
    ["is another authority's", () => spoiled(chat, stranger), /no authority that is known here/],
    ["has expired", () => spoiled(chat, ours.leaf(expired)), /has expired/],
    [
      "is for another host",
      () => spoiled(chat, ours.leaf({ extra: both, names: "DNS:other" })),
      /its certificate is for DNS:other, and not for 127\.0\.0\.1, where it was dialled/,
    ],
    ["is self-signed", () => spoiled(chat, selfSigned(folder)), /was signed by its own key|no authority/],
  ];
  test.each(bad)("is not linked if its certificate %s", async (_, tls, sentence) => {
    const node = TestNode.start("node", { tls: tls() });
    expect(await linked(node, tlsOf(gate))).toMatch(sentence);
    expect(node.told).toEqual([]);
  });

  test.each(bad)("is not linked either if the environment trusts everybody and it %s", async (_, tls, sentence) => {
    const node = TestNode.start("node", { tls: tls() });
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(await linked(node, tlsOf(gate))).toMatch(sentence);
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  test("does not listen under an address that its certificate lacks", () => {
    const other = ours.leaf({ extra: both, names: "DNS:chat.internal,IP:192.0.2.7" });
    expect(() => TestNode.start("node", { tls: tlsOf(other) })).toThrow(
      "is for DNS:chat.internal, IP Address:192.0.2.7, and others reach this node at 127.0.0.1",
    );
  });

  test("does not listen with a certificate with which it can dial nobody", () => {
    expect(() => TestNode.start("node", { tls: tlsOf(ours.leaf()) })).toThrow("is not for TLS clients");
  });

  test("survives handshakes that stop half way and come byte by byte, while others link it", async () => {
    const node = TestNode.start("node", { tls: tlsOf(chat) });
    const port = Number(node.address.split(":").at(-1));
    const halves = Array.from({ length: 50 }, () => {
      const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
      afterwards(() => void socket.destroy());
      socket.on("error", () => undefined);
      return socket;
    });
    for (const [at, half] of halves.entries()) {
      half.write(Buffer.from([0x16, 0x03, 0x01, 0x02]).subarray(0, 1 + (at % 4)));
      if (at % 2 === 0) half.write(Buffer.from(Array.from({ length: 1 + random.below(200) }, () => random.below(256))));
    }
    for (let turn = 0; turn < 5; turn++) expect(await linked(node, tlsOf(gate))).toBe("linked");
  });
});

test("a certificate without authorities makes no links, in plain text or otherwise", async () => {
  const files = { ...chat, authorities: undefined };
  const tls = new NodeTls(files, readNodePair(files, Date.now()), true);
  expect(() => gateway(tls)).toThrow("need the authorities");
  const { wheel, metrics: observer } = gateway();
  const options = {
    frameBytesMax: 1_024,
    unsentBytesMax: 1_024,
    closeWhenSlow: false,
    readWaitMs: 1_000,
    writeWaitMs: 1_000,
    observer,
    wheel,
    flusher: new Flusher(),
  };
  const handlerOf = (connection: Connection): Recording => new Recording(connection);
  for (const address of ["tls://127.0.0.1:1", "127.0.0.1:1"])
    await expect(dialLink(address, handlerOf, options, tls)).rejects.toThrow("need the authorities");
});

describe("while a cluster changes to TLS", () => {
  const accepting = { isRequired: false } as const;

  test("a node that accepts plain text announces itself as before, and takes both", async () => {
    const node = TestNode.start("node", { tls: tlsOf(chat, accepting) });
    expect(node.address).toMatch(/^127\.0\.0\.1:\d+$/);
    for (const tls of [undefined, tlsOf(gate, accepting), tlsOf(gate)]) expect(await linked(node, tls)).toBe("linked");
    expect([...node.metrics.faults.counts.keys()]).toEqual([]);
  });

  test("it dials plain text and TLS, as the address asks for", async () => {
    const [plain, secure] = [TestNode.start("node"), TestNode.start("node", { tls: tlsOf(chat) })];
    for (const node of [plain, secure]) expect(await linked(node, tlsOf(gate, accepting))).toBe("linked");
  });

  test("a gateway that requires TLS does not dial plain text, whatever the address says", async () => {
    const node = TestNode.start("node");
    expect(await linked(node, tlsOf(gate))).toContain("cannot connect to");
    expect(node.told).toEqual([]);
  });
});

describe("renewal", () => {
  function install(pair: Pair, authorities: string, place: string): void {
    for (const [from, to] of [
      [pair.certificate, "node.crt"],
      [pair.key, "node.key"],
      [authorities, "ca.crt"],
    ] as const) {
      copyFileSync(from, join(place, `${to}.new`));
      renameSync(join(place, `${to}.new`), join(place, to));
    }
  }

  test("links stay while the authority is replaced in three steps, and new ones are always possible", async () => {
    const place = temporaryFolder("roost-link-renewal-");
    const old = readFileSync(ours.root, "utf8");
    const bundle = join(place, "both.crt");
    writeFileSync(bundle, old + readFileSync(theirs.root, "utf8"));
    const paths = { certificate: join(place, "node.crt"), key: join(place, "node.key") };
    install(chat, ours.root, place);
    const tls = tlsOf(paths, { authorities: join(place, "ca.crt") });
    const timers = new ManualTimers();
    const watch = new CertificateWatch({ source: tls, timers, clock: { wallMs: () => Date.now() }, log: silentLog });
    afterwards(() => watch.stop());
    const node = TestNode.start("node", { tls });
    const first = await shakeHands(node.address, "node", gateway(tlsOf(gate)));
    // All nodes know both authorities, then have certificates of the new one, then know that one only.
    const [gateBoth, gateNew] = [tlsOf(gate, { authorities: bundle }), tlsOf(stranger, { authorities: bundle })];
    const steps: readonly [Pair, string, readonly NodeTls[]][] = [
      [chat, bundle, [tlsOf(gate), gateBoth, gateNew]],
      [theirs.leaf({ extra: both }), bundle, [gateBoth, gateNew]],
      [theirs.leaf({ extra: both }), theirs.root, [gateNew, tlsOf(stranger, { authorities: theirs.root })]],
    ];
    for (const [at, [pair, authorities, gateways]] of steps.entries()) {
      install(pair, authorities, place);
      timers.advance(2_000);
      expect(watch.reloads).toBe(at + 1);
      for (const each of gateways) expect(await linked(node, each)).toBe("linked");
      expect(first.recording.connection.isOpen).toBe(true);
    }
    expect(await linked(node, tlsOf(gate))).not.toBe("linked");
    writeFileSync(join(place, "ca.crt"), "rubbish");
    timers.advance(2_000);
    expect(watch).toMatchObject({ reloads: 3, refusals: 1 });
    // Nor is a certificate taken that would be refused where the node is dialled.
    install(theirs.leaf({ extra: both, names: "DNS:elsewhere.internal" }), theirs.root, place);
    timers.advance(2_000);
    expect(watch).toMatchObject({ reloads: 3, refusals: 2 });
    expect(await linked(node, gateNew)).toBe("linked");
  });
});
