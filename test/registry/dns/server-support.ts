// A DNS server on real sockets, and clients that send what a test says.

import { testLimits } from "../../support/limits.ts";
import { createConnection, type Socket } from "node:net";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { ContainedBugs } from "../../../src/observe/contained-bugs.ts";
import { type DnsOptions, type DnsServer, startDns } from "../../../src/registry/dns/server.ts";
import { until } from "../../../scripts/harness/until.ts";
import { FakeDirectory, instanceOf } from "./fake-directory.ts";
import { queryOf, type Read, readAnswer } from "./messages.ts";

export const host = "127.0.0.1";

export const instances = Array.from({ length: 200 }, (_, at) =>
  instanceOf({ appid: "login", hostname: `login${at}`, addrs: [`tcp://10.0.0.${at}:8100`] }),
);

/** What is ended after each test. */
export const cleanups: (() => void | Promise<void>)[] = [];

export async function serve(options: Partial<DnsOptions> = {}): Promise<{ server: DnsServer; port: number }> {
  const server = await startDns({
    address: { host, port: 0 },
    domain: "roost",
    env: "prod",
    ttlSeconds: 5,
    directory: new FakeDirectory(instances),
    limits: testLimits(),
    log: silentLog,
    bugs: new ContainedBugs(silentLog, systemClock),
    ...options,
  });
  cleanups.push(() => server.stop());
  return { server, port: Number(server.address.slice(server.address.lastIndexOf(":") + 1)) };
}

/** A TCP connection to the server, with the messages that came. */
export class Client {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  isClosed = false;
  hasEnded = false;

  constructor(port: number) {
    this.socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true });
    this.socket.on("data", (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    this.socket.on("end", () => {
      this.hasEnded = true;
    });
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    // A connection that the server refuses may end in a reset.
    this.socket.on("error", () => undefined);
    cleanups.push(() => void this.socket.destroy());
  }

  /** The whole messages that have come. */
  get answers(): Buffer[] {
    const answers: Buffer[] = [];
    for (let at = 0; at + 2 <= this.bytes.length;) {
      const end = at + 2 + this.bytes.readUInt16BE(at);
      if (end > this.bytes.length) break;
      answers.push(this.bytes.subarray(at + 2, end));
      at = end;
    }
    return answers;
  }

  async answer(): Promise<Read> {
    await until(() => this.answers.length > 0, "an answer");
    return readAnswer(this.answers[0] ?? Buffer.alloc(0));
  }
}

/** A message after its length. */
export function framed(...messages: Buffer[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 0xff]), message]),
  );
}

export const srv = (id: number): Buffer => queryOf("_login._tcp.roost", "SRV", { id });
export const one = (id: number): Buffer => queryOf("login1.node.roost", "A", { id });
