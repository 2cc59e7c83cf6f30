// One request in a service: its sender, its command and body, and its one answer. Requests come over the links of
// gateways (link-context.ts), or from the process itself, for a back end (call-context.ts); handlers see no difference.

import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../wire/body.ts";
import { Status } from "../wire/gen/pkt_pb.ts";
import type { Location } from "../session/sessions.ts";
import type { Connection } from "../transport/transport.ts";
import type { LinkBacklog } from "./link-backlog.ts";
import { Refusal } from "./refusal.ts";

const noBody = new Uint8Array(0);
const notLocated: Location = Object.freeze({ device: "", channelId: "", gateway: "", incarnation: "" });

/** The link of the gateway that sent a request and receives its response. */
export interface GatewayLink {
  /** The gateway's service id, as the link's handshake proved it. */
  readonly gateway: string;
  readonly incarnation: string;
  readonly connection: Connection;
  /** The number of unanswered requests of this link. */
  unanswered: number;
  /** The packets that wait until the link has room. */
  readonly backlog: LinkBacklog;
}

/** A request, its sender, and its one answer. */
export abstract class Context {
  /** The sender's session; set by the session middleware. */
  location: Location = notLocated;
  /** A request has one response; a second one is a bug and is dropped. */
  isAnswered = false;

  abstract readonly command: string;
  /** The sender's tenant, account and connection, which are proven; a back end has no connection: ''. */
  abstract readonly app: string;
  abstract readonly account: string;
  abstract readonly channelId: string;
  abstract readonly sequence: number;
  abstract readonly dest: string;
  /** The request as it came, owned; its body begins at `bodyStart` and reaches to the end. */
  abstract readonly packet: Buffer;
  abstract readonly bodyStart: number;
  /** When the request arrived, on the monotonic clock. */
  abstract readonly receivedMs: number;
  /** Throws InvalidCommand if the request came over none. */
  abstract readonly link: GatewayLink;
  /**
   * The account whose rates the request counts against. '' for a back end, which no rate of an account holds back, and
   * which uses up nobody's: its key has rates of its own (src/api).
   */
  abstract get payer(): string;
  /** The request is a back end's: its sender needs no session, and has no device that knows of it already. */
  abstract get isBackEnd(): boolean;
  /** Whether somebody still waits for the answer. */
  abstract get isOpen(): boolean;
  /** The bytes that wait in front of the answer. */
  abstract get unsentBytes(): number;

  /** The length of the request's body. */
  get bodyBytes(): number {
    return this.packet.length - this.bodyStart;
  }

  /** Decodes the request's body; throws InvalidPacketBody if it is not a message of this schema. */
  body<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> {
    const message = decodeBody(schema, this.packet.subarray(this.bodyStart));
    if (message === undefined) throw new Refusal(Status.InvalidPacketBody, `the body is not a ${schema.name}`);
    return message;
  }

  /** Answers with Success; returns the length of the body. */
  respond<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): number {
    return this.respondView(toBinary(schema, create(schema, init)));
  }

  /** Answers with Success and an encoded body, which is copied; returns its length. */
  respondView(body: Uint8Array): number {
    this.answer(Status.Success, body);
    return body.length;
  }

  /** Answers with Success and an empty body. */
  respondEmpty(): void {
    this.answer(Status.Success, noBody);
  }

  /**
   * Answers with an error status and a sentence. `isConflict`: the request's clientId is that of another one, which
   * only back ends are told by a code.
   */
  abstract refuse(status: Status, sentence: string, isConflict?: boolean): void;

  /** Ends a request that needs no response. */
  abstract dismiss(): void;

  /** Ends what the request came over: to answer it has failed by a bug. */
  abstract fail(bug: unknown): void;

  /** Answers once; `body` is copied. */
  protected abstract answer(status: Status, body: Uint8Array): void;
}
