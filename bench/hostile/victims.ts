// The others: those whose requests are measured during an attack. A few of each kind, far below what a server can
// do. Once a second a new one connects: too seldom to count in a p99, but a server that lets nobody in fails it.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { LoadClient } from "../generator/load-client.ts";
import { DnsQuery, RecordType } from "../registry/dns-query.ts";
import { assertOk, HttpConnection } from "../registry/http-connection.ts";
import { instancesOf, registerAll, renewRequest } from "../registry/instances.ts";
import type { Place } from "./attack.ts";
import { openLoop, type Seen } from "./open-loop.ts";

export interface Victims {
  /** What they are asked for, a second. */
  readonly rate: number;
  measure(seconds: number): Promise<Seen>;
  close(): void;
}

const pairs = 10;
const talksPerSecond = 300;
const bodyBytes = 100;
const renewers = 10;
const renewalsPerSecond = 200;
const queriesPerSecond = 100;
const tcpQueriesPerSecond = 20;
const answerMsMax = 5_000;
const service = "victims";
const hosts = 10;

/** Ten who talk to ten others who are online; a request is a talk, answered when it is stored. */
export async function talkers({ ws, secret, app }: Place): Promise<Victims> {
  if (ws === undefined) throw new Error("the server takes no clients over WebSocket");
  const target = { endpoint: ws, secret, app, processes: [] };
  const events = { answered() {}, pushed() {}, lost() {} };
  const signIn = (account: string): Promise<LoadClient> => within(LoadClient.signIn(target, account, events));
  const clients = Array.from({ length: 2 * pairs }, (_, index) => new Standing(() => signIn(`other-${index}`)));
  for (const client of clients) await client.get();
  const body = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: "x".repeat(bodyBytes) }));
  return {
    rate: talksPerSecond,
    measure: (seconds) =>
      openLoop(talksPerSecond, seconds, async (turn) => {
        if (turn % talksPerSecond === talksPerSecond - 1) {
          (await signIn("newcomer")).disconnect();
          return;
        }
        const sender = turn % pairs;
        const client = await clients[sender]?.get();
        const { status } = (await client?.request(Command.UserTalk, `other-${pairs + sender}`, body)) ?? {};
        if (status !== 0) throw new Error(`a talk was refused with status ${status}`);
      }),
    close() {
      for (const client of clients)
        void client.get().then(
          (standing) => standing.disconnect(),
          () => undefined,
        );
    },
  };
}

/** A client that comes back when the server has ended its connection. */
class Standing {
  private readonly begin: () => Promise<LoadClient>;
  private client: Promise<LoadClient> | undefined;

  constructor(begin: () => Promise<LoadClient>) {
    this.begin = begin;
  }

  async get(): Promise<LoadClient> {
    const known = this.client;
    const standing = await known?.catch(() => undefined);
    if (standing?.isEnded === false) return standing;
    // Whoever finds it first begins the next one.
    if (this.client === known) this.client = this.begin();
    return this.client ?? this.begin();
  }
}

/** Ten services that renew, each over a connection of its own. */
export async function renewing({ registryPort }: Place): Promise<Victims> {
  const instances = instancesOf(service, renewers);
  await registerAll(registryPort, instances, 1);
  const services = instances.map((instance) => new Renewer(registryPort, renewRequest(instance)));
  return {
    rate: renewalsPerSecond,
    measure: (seconds) =>
      openLoop(renewalsPerSecond, seconds, async (turn) => {
        const isNew = turn % renewalsPerSecond === renewalsPerSecond - 1;
        await services[turn % renewers]?.renew(isNew);
      }),
    close() {
      for (const renewer of services) renewer.end();
    },
  };
}

/** One of them; it comes back when the server has ended its connection. */
class Renewer {
  private readonly port: number;
  private readonly request: Buffer;
  private connection: HttpConnection | undefined;
  /** A connection takes one request at a time. */
  private last: Promise<void> = Promise.resolve();

  constructor(port: number, request: Buffer) {
    this.port = port;
    this.request = request;
  }

  /** `isNew`: over a connection that is made for it. */
  renew(isNew: boolean): Promise<void> {
    const next = this.last.then(() => {
      if (isNew) this.end();
      return this.ask();
    });
    this.last = next.catch(() => undefined);
    return next;
  }

  end(): void {
    this.connection?.close();
    this.connection = undefined;
  }

  private async ask(): Promise<void> {
    try {
      if (this.connection?.isOpen !== true) this.connection = await within(HttpConnection.connect(this.port));
      assertOk(await within(this.connection.ask(this.request)));
    } catch (error) {
      this.end();
      throw error;
    }
  }
}

/** Queries for ten hosts, over UDP. */
export async function querying({ registryPort, dnsPort }: Place): Promise<Victims> {
  await registerAll(registryPort, instancesOf(service, hosts), 1);
  const waiting = new Map<number, () => void>();
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    connect: { hostname: "127.0.0.1", port: dnsPort },
    binaryType: "buffer",
    socket: {
      data(_, bytes) {
        const id = bytes.length < 2 ? -1 : bytes.readUInt16BE(0);
        waiting.get(id)?.();
        waiting.delete(id);
      },
    },
  });
  const query = hostQuery();
  return {
    rate: queriesPerSecond,
    measure: (seconds) =>
      openLoop(queriesPerSecond, seconds, async (turn) => {
        const id = turn & 0xffff;
        const answered = new Promise<void>((resolve) => waiting.set(id, resolve));
        socket.send(query.datagram(id, undefined));
        await within(answered);
      }),
    close: () => socket.close(),
  };
}

/** The same over TCP, a connection for each, as a resolver does that got a truncated answer. */
export async function queryingOverTcp({ registryPort, dnsPort }: Place): Promise<Victims> {
  await registerAll(registryPort, instancesOf(service, hosts), 1);
  const datagram = hostQuery().datagram(7, undefined);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(datagram.length);
  const request = Buffer.concat([length, datagram]);
  return {
    rate: tcpQueriesPerSecond,
    measure: (seconds) => openLoop(tcpQueriesPerSecond, seconds, () => within(askOverTcp(dnsPort, request))),
    close() {},
  };
}

function hostQuery(): DnsQuery {
  return new DnsQuery(`${service}.service.roost`, RecordType.A);
}

async function askOverTcp(port: number, request: Buffer): Promise<void> {
  const answer = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: () => answer.resolve(),
      close: () => answer.reject(new Error("the connection was closed")),
      error: (_, error) => answer.reject(error),
    },
  });
  socket.write(request);
  await answer.promise.finally(() => socket.end());
}

/** Rejects when the answer does not come in time. */
function within<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${answerMsMax} ms`)), answerMsMax);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
