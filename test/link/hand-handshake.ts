// Either side of a handshake, played by hand.

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type LinkIdentity, linkProof, type Meeting, type ProofSide } from "../../src/auth/link-proof.ts";
import { linkFrameBytesMax } from "../../src/base/limits/fixed.ts";
import { systemRandom } from "../../src/base/random.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { decodeBody } from "../../src/wire/body.ts";
import {
  type InnerHandshakeReq,
  InnerHandshakeReqSchema,
  type InnerHandshakeResponse,
  InnerHandshakeResponseSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, basicPong } from "../../src/wire/packet.ts";
import { Recording } from "../transport/recording.ts";
import { clusterKey, newIdentity, afterwards, LinkEnd } from "./support.ts";

/** The dialling side of a handshake, played by hand: it says what a test wants, when a test wants it. */
export class HandDialler {
  readonly key: Uint8Array;
  readonly identity: LinkIdentity;
  readonly recording: Recording;
  readonly nonce: Uint8Array;

  private constructor(identity: LinkIdentity, key: Uint8Array, recording: Recording, nonce: Uint8Array) {
    this.identity = identity;
    this.key = key;
    this.recording = recording;
    this.nonce = nonce;
  }

  /** Connects, and says nothing. */
  static async connect(
    address: string,
    { identity = newIdentity("gate"), key = clusterKey, nonce = systemRandom.bytes(32) } = {},
  ): Promise<HandDialler> {
    const end = new LinkEnd(identity, [key]);
    const opened: Recording[] = [];
    await end.dial(address, (connection) => {
      const recording = new Recording(connection);
      opened.push(recording);
      return recording;
    });
    const [recording] = opened;
    if (recording === undefined) throw new Error("dialled without a handler");
    afterwards(() => recording.connection.close(closeAbnormal));
    return new HandDialler(identity, key, recording, nonce);
  }

  get connection(): Connection {
    return this.recording.connection;
  }

  hello(overrides: MessageInitShape<typeof InnerHandshakeReqSchema> = {}): void {
    const { id, service, incarnation } = this.identity;
    this.request({ ServiceId: id, serviceName: service, incarnation, nonce: this.nonce, ...overrides });
  }

  request(init: MessageInitShape<typeof InnerHandshakeReqSchema>): void {
    this.connection.send(toBinary(InnerHandshakeReqSchema, create(InnerHandshakeReqSchema, init)));
  }

  /** What the acceptor has answered. */
  async answer(): Promise<InnerHandshakeResponse> {
    await this.recording.framesReach(1);
    const answer = decodeBody(InnerHandshakeResponseSchema, this.recording.frames[0] ?? Buffer.alloc(0));
    if (answer === undefined) throw new Error("an answer to the handshake was expected");
    return answer;
  }

  /** The meeting as both have described it. */
  meeting({ serviceId, incarnation, nonce }: InnerHandshakeResponse): Meeting {
    const acceptor = { id: serviceId, incarnation };
    return { dialler: this.identity, acceptor, diallerNonce: this.nonce, acceptorNonce: nonce };
  }

  /** Says hello, checks nothing, and proves itself. */
  async shake(): Promise<InnerHandshakeResponse> {
    this.hello();
    const answer = await this.answer();
    this.request({ proof: linkProof(this.key, "dial", this.meeting(answer)) });
    // As a link that stands.
    this.connection.identified();
    this.connection.frameBytesMax = linkFrameBytesMax;
    return answer;
  }

  /** A link that stands, and answers pings unless it plays dead. */
  static async linked(
    address: string,
    { identity = newIdentity("gate"), key = clusterKey, answersPings = true } = {},
  ): Promise<HandDialler> {
    const dialler = await HandDialler.connect(address, { identity, key });
    await dialler.shake();
    await dialler.works();
    if (answersPings) {
      dialler.recording.onFrame = (payload) => {
        if (basicPing.every((byte, at) => payload[at] === byte)) dialler.connection.send(basicPong);
      };
    }
    return dialler;
  }

  /** Resolves when the service has answered a ping over this link: everything before was read and passed. */
  async works(): Promise<void> {
    const { recording } = this;
    const pongs = (): number => recording.frames.filter((frame) => frame.equals(Buffer.from(basicPong))).length;
    const before = pongs();
    this.connection.send(basicPing);
    await recording.until(() => pongs() > before || recording.reasons.length > 0);
    if (pongs() === before) throw new Error(`the link ended: ${recording.reasons[0]?.text}`);
  }
}

/** What a hand-played acceptor answers to a hello. */
export type Script = (recording: Recording, hello: InnerHandshakeReq) => void;

/** The accepting side of handshakes, played by hand; returns its address and every connection that came. */
export function handAcceptor(script: Script, identity: LinkIdentity = newIdentity("node", "chat")) {
  const end = new LinkEnd(identity);
  const accepted: Recording[] = [];
  const { address } = end.listen({
    accept(connection) {
      const recording = new Recording(connection);
      accepted.push(recording);
      recording.onFrame = (payload) => {
        const request = recording.frames.length === 1 ? decodeBody(InnerHandshakeReqSchema, payload) : undefined;
        if (request !== undefined) script(recording, request);
      };
      return recording;
    },
  });
  return { address, accepted, identity, end };
}

/** Answers a hello as an acceptor with that identity and key does. */
export function answerHello(
  recording: Recording,
  hello: InnerHandshakeReq,
  {
    identity,
    key = clusterKey,
    side,
  }: { readonly identity: LinkIdentity; readonly key?: Uint8Array; readonly side?: ProofSide },
  overrides: MessageInitShape<typeof InnerHandshakeResponseSchema> = {},
): void {
  const { ServiceId: id, serviceName: service, incarnation } = hello;
  const nonce = systemRandom.bytes(32);
  const dialler = { id, service, incarnation };
  const proof = linkProof(key, side ?? (overrides.Code === undefined ? "accept" : "refuse"), {
    dialler,
    acceptor: identity,
    diallerNonce: hello.nonce,
    acceptorNonce: nonce,
  });
  const init = { serviceId: identity.id, incarnation: identity.incarnation, nonce, proof, ...overrides };
  const response = create(InnerHandshakeResponseSchema, init);
  recording.connection.send(toBinary(InnerHandshakeResponseSchema, response));
}
