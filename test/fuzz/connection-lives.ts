// One life of one connection, as a peer may lead it: what it says, how far it gets with that, and how it ends.
// Everything is chosen by the seed before it begins; only how much the server has done in between is not.

import { create, toBinary } from "@bufbuild/protobuf";
import { keyHint, type LinkIdentity, linkProof } from "../../src/auth/link-proof.ts";
import { registryToken } from "../../src/auth/registry-token.ts";
import { decodeBody } from "../../src/wire/body.ts";
import { Command } from "../../src/wire/commands.ts";
import { closeFrame, frameHeaderBytes, pingFrame } from "../../src/wire/frame-writer.ts";
import {
  InnerHandshakeReqSchema,
  InnerHandshakeResponseSchema,
  LoginReqSchema,
  MessageIndexReqSchema,
  MessageReqSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, encodeLogicPacket } from "../../src/wire/packet.ts";
import type { Random } from "../support/random.ts";
import { RawTcp } from "../support/raw-tcp.ts";
import { frameOf } from "../support/wire-client.ts";

/** What is spoken at a listener. */
export type Dialect = "tcp" | "ws" | "link" | "monitor" | "registry" | "dns";

/** How a connection may end. `patience`: reads until the server ends it. */
export const endings = ["reset", "close", "half-close", "half-close, reset", "late reset", "patience"] as const;
export type Ending = (typeof endings)[number];

/** One thing to say: bytes, or an answer to what was heard; undefined until enough has been heard. */
type Saying = Buffer | ((heard: Buffer) => Buffer | undefined);

/** What lives need to know. */
export interface Lore {
  readonly tokens: readonly [string, ...string[]];
  readonly clusterKey: Uint8Array;
}

/** How often a life looks for what it waits for, before it goes on without. */
const looksMax = 300;
/** How long a late reset is in coming, in steps. */
const lingerSteps = 20;

export class Life {
  readonly ending: Ending;
  private readonly port: number;
  private readonly source: string;
  private readonly sayings: readonly Saying[];
  private socket: RawTcp | undefined;
  private said = 0;
  private looks = 0;
  private heard = Buffer.alloc(0);
  private isHalfClosed = false;

  constructor(port: number, dialect: Dialect, random: Random, lore: Lore) {
    this.port = port;
    // Thousands of connections a second: TIME_WAIT would use up the ports of one address.
    this.source = `127.${1 + random.below(254)}.${random.below(256)}.${1 + random.below(254)}`;
    this.ending = random.pick(endings);
    const all = random.once(8) ? [random.bytes(1 + random.below(64))] : conversation(dialect, random, lore);
    // It gets no further than this, and its last words may be cut anywhere.
    const sayings = all.slice(0, random.below(all.length + 1));
    const last = sayings.at(-1);
    if (typeof last === "object" && random.once(2))
      sayings[sayings.length - 1] = last.subarray(0, random.below(last.length));
    this.sayings = sayings;
  }

  /** How much it has to say before it ends. */
  get reach(): string {
    const { length } = this.sayings;
    return length === 0 ? "nothing said" : length === 1 ? "one thing said" : "more said";
  }

  get isConnected(): boolean {
    return this.socket !== undefined;
  }

  /** Takes one step; true when the life is over. Throws when nobody listens. */
  step(): boolean {
    if (this.socket === undefined) {
      this.socket = new RawTcp(this.port, this.source);
      // Mostly before the server has accepted.
      return this.sayings.length === 0 && this.ending === "reset" && this.finish();
    }
    const saying = this.sayings[this.said];
    if (saying !== undefined) return this.say(this.socket, saying);
    return this.end(this.socket);
  }

  /** Ends it at once. */
  abandon(): void {
    this.finish();
  }

  private say(socket: RawTcp, saying: Saying): boolean {
    const bytes = typeof saying === "function" ? saying(this.hear(socket)) : saying;
    if (bytes === undefined && this.looks++ < looksMax) return false;
    this.looks = 0;
    this.said++;
    if (bytes !== undefined) socket.write(bytes);
    return false;
  }

  private hear(socket: RawTcp): Buffer {
    const more = socket.read();
    if (more === undefined) this.looks = looksMax;
    else if (more.length > 0) this.heard = Buffer.concat([this.heard, more]);
    return this.heard;
  }

  private end(socket: RawTcp): boolean {
    switch (this.ending) {
      case "reset":
      case "close":
        return this.finish();
      case "half-close, reset":
        if (this.isHalfClosed) return this.finish();
        this.halfClose(socket);
        return false;
      case "late reset":
        return this.looks++ > lingerSteps && this.finish();
      case "half-close":
        if (!this.isHalfClosed) this.halfClose(socket);
        return (socket.read() === undefined || this.looks++ > looksMax) && this.finish();
      case "patience":
        return (socket.read() === undefined || this.looks++ > looksMax) && this.finish();
    }
  }

  private halfClose(socket: RawTcp): void {
    socket.shutdown();
    this.isHalfClosed = true;
  }

  private finish(): true {
    if (this.ending.endsWith("reset")) this.socket?.reset();
    else this.socket?.close();
    return true;
  }
}

function conversation(dialect: Dialect, random: Random, lore: Lore): Saying[] {
  switch (dialect) {
    case "tcp":
      return client(random, lore, (packet) => frameOf(packet), [pingFrame, closeFrame({ code: 1000, text: "bye" })]);
    case "ws":
      return random.once(4)
        ? [httpRequest("GET", "/", random)]
        : [
            upgrade,
            heardSome,
            ...client(random, lore, (packet) => webSocketFrame(0x82, packet), [
              webSocketFrame(0x89, Buffer.from("p")),
              webSocketFrame(0x81, Buffer.from("text")),
              webSocketFrame(0x88, Buffer.from([0x03, 0xe8])),
            ]),
          ];
    case "link":
      return link(random, lore);
    case "monitor":
      return Array.from({ length: 1 + random.below(3) }, () =>
        httpRequest(random.pick(["GET", "GET", "POST", "HEAD"]), random.pick(["/health", "/metrics", "/x"]), random),
      );
    case "registry":
      return Array.from({ length: 1 + random.below(3) }, () => registryRequest(random, lore));
    case "dns":
      return Array.from({ length: 1 + random.below(5) }, () => dnsQuery(random));
  }
}

/** Goes on as soon as anything has come. */
const heardSome: Saying = (heard) => (heard.length > 0 ? Buffer.alloc(0) : undefined);

/** Signs in, with a good token or a bad one, and talks; in good order or all at once. */
function client(
  random: Random,
  { tokens }: Lore,
  wrap: (packet: Uint8Array) => Buffer,
  others: readonly Buffer[],
): Saying[] {
  const account = random.below(tokens.length);
  const token = random.once(6) ? "not.a.token" : (tokens[account] ?? tokens[0]);
  const device = `d${random.below(50)}`;
  const signIn = toBinary(LoginReqSchema, create(LoginReqSchema, { token, device }));
  const sayings: Saying[] = [wrap(encodeLogicPacket({ command: Command.SignIn, sequence: 1 }, signIn))];
  if (!random.once(3)) sayings.push(heardSome);
  for (let count = random.below(6); count > 0; count--) {
    const sequence = 10 + count;
    const dest = `account-${random.below(tokens.length)}`;
    const talk = toBinary(
      MessageReqSchema,
      create(MessageReqSchema, { type: 1, body: "x".repeat(random.below(2_000)) }),
    );
    const index = toBinary(MessageIndexReqSchema, create(MessageIndexReqSchema, {}));
    sayings.push(
      random.pick<Saying>([
        wrap(encodeLogicPacket({ command: Command.UserTalk, dest, sequence }, talk)),
        wrap(encodeLogicPacket({ command: Command.OfflineIndex, sequence }, index)),
        wrap(basicPing),
        others[random.below(others.length)] ?? Buffer.alloc(0),
      ]),
    );
  }
  return sayings;
}

/** A gateway's handshake, with the right key or a wrong one; then a ping, or something else. */
function link(random: Random, { clusterKey }: Lore): Saying[] {
  const dialler: LinkIdentity = {
    id: `fuzz-${random.below(20)}`,
    service: random.pick(["gateway", "gateway", "stranger"]),
    incarnation: random.u32().toString(36),
  };
  const nonce = Uint8Array.from(random.bytes(32));
  const key = random.once(4) ? new Uint8Array(32) : clusterKey;
  const hint = (): Buffer =>
    random.once(2) ? keyHint(key, nonce) : random.bytes(random.once(8) ? random.below(9) : 4);
  const keys = Array.from({ length: random.once(8) ? random.below(40) : random.below(3) }, hint);
  const { id: ServiceId, service: serviceName, incarnation } = dialler;
  const hello = { ServiceId, serviceName, incarnation, nonce, keys };
  const message = (init: typeof hello | { proof: Uint8Array }): Buffer =>
    frameOf(toBinary(InnerHandshakeReqSchema, create(InnerHandshakeReqSchema, init)));
  const prove: Saying = (heard) => {
    if (heard.length < frameHeaderBytes || heard.length < frameHeaderBytes + heard.readUInt32BE(1)) return undefined;
    const payload = heard.subarray(frameHeaderBytes, frameHeaderBytes + heard.readUInt32BE(1));
    const response = decodeBody(InnerHandshakeResponseSchema, payload);
    if (response === undefined) return Buffer.alloc(0);
    const acceptor = { id: response.serviceId, incarnation: response.incarnation };
    const meeting = { dialler, acceptor, diallerNonce: nonce, acceptorNonce: response.nonce };
    return message({ proof: linkProof(key, "dial", meeting) });
  };
  return [message(hello), prove, frameOf(basicPing), frameOf(random.bytes(1 + random.below(100)))];
}

const upgrade = Buffer.from(
  "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
);

/** A client's frame, masked with zeros. */
function webSocketFrame(firstByte: number, payload: Uint8Array): Buffer {
  const isShort = payload.length < 126;
  const head = Buffer.alloc(isShort ? 6 : 8);
  head[0] = firstByte;
  head[1] = 0x80 | (isShort ? payload.length : 126);
  if (!isShort) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

function httpRequest(method: string, target: string, random: Random, headers = "", body = ""): Buffer {
  // A length that is more than what comes: the body never ends.
  const length = body.length + (random.once(4) ? 100 : 0);
  const type = body === "" ? "" : "Content-Type: application/x-www-form-urlencoded\r\n";
  const lengthLine = length === 0 ? "" : `Content-Length: ${length}\r\n`;
  return Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: x\r\n${headers}${type}${lengthLine}\r\n${body}`);
}

function registryRequest(random: Random, { clusterKey }: Lore): Buffer {
  const who = `zone=z1&env=prod&appid=fuzz-${random.below(10)}&hostname=h${random.below(10)}`;
  const target = random.pick([
    `/discovery/polls?env=prod&hostname=h&appid=gone&latest_timestamp=0`,
    `/discovery/poll?${who}&latest_timestamp=9999999999999999999`,
    `/discovery/fetch?${who}&status=1`,
    "/discovery/fetch/all",
    "/discovery/register",
    "/discovery/renew",
    "/discovery/cancel",
    "/api/lookup/token",
    "/health",
    "/metrics",
    "/nowhere",
  ]);
  const isWrite = /register|renew|cancel/.test(target);
  const body = target.endsWith("register") ? `${who}&addrs=tcp%3A%2F%2F10.0.0.1%3A8100&status=1&version=1` : who;
  const key = random.once(4) ? "" : `Authorization: Bearer ${registryToken(clusterKey)}\r\n`;
  return isWrite ? httpRequest("POST", target, random, key, body) : httpRequest("GET", target, random);
}

/** A DNS query after its length: for a service's instances, or for anything. */
export function dnsQuery(random: Random): Buffer {
  const labels = random.pick([["chat", "roost"], ["_chat", "_tcp", "roost"], ["elsewhere"], []]);
  const name = Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(random.below(65_536), 0);
  head.writeUInt16BE(1, 4);
  const question = Buffer.from([0, random.pick([1, 16, 28, 33, 255]), 0, 1]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(head.length + name.length + question.length);
  return Buffer.concat([length, head, name, question]);
}
