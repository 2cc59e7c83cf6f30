// One connection from dialling to its end: sign-in, requests and answers, heartbeat. It is used once; whoever wants to
// come back makes another. The owner is told by calls in the order in which packets came, never by promises, so that a
// push in the same read as the sign-in's answer finds the owner ready.

import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../wire/body.ts";
import { closeAbnormal, type CloseReason, CloseCode, closeProtocolFault } from "../wire/close-reason.ts";
import { Command } from "../wire/commands.ts";
import { Feature } from "../wire/features.ts";
import {
  ErrorRespSchema,
  Flag,
  type Header,
  LoginReqSchema,
  type LoginResp,
  LoginRespSchema,
  Status,
} from "../wire/gen/pkt_pb.ts";
import { BasicCode, basicPing, basicPong, decodePacket, encodeLogicPacket } from "../wire/packet.ts";
import { ProtocolFault } from "../wire/protocol-fault.ts";
import { Disconnected, RequestRefused, RequestTimedOut } from "./client-errors.ts";
import { dial } from "./dial.ts";
import type { Cancel, Environment } from "./environment.ts";
import type { Line } from "./line.ts";
import { RequestTable } from "./request-table.ts";

/** The server wants to hear something every 55 s (wire protocol, section 5). */
export const heartbeatMs = 50_000;
/** Heartbeats that may go by without a byte from the server, whose pongs are due, before it counts as dead. */
const silentHeartbeatsMax = 2;
/** Requests are numbered from 1 on. */
const signInSequence = 0;

export interface SessionOptions {
  readonly url: string;
  readonly token: string;
  readonly device: string;
  /** For the sign-in (dialling included) and for each request. */
  readonly requestTimeoutMs: number;
  readonly environment: Environment;
}

export interface SessionOwner {
  signedIn(answer: LoginResp): void;
  /** `body` is the owner's to keep. */
  pushed(header: Header, body: Uint8Array): void;
  /** The last call, once. `error` is what a sign-in failed with. */
  ended(reason: CloseReason, error: Error): void;
}

export class Session {
  private readonly options: SessionOptions;
  private readonly owner: SessionOwner;
  private readonly requests: RequestTable;
  private state: "opening" | "signing-in" | "live" | "ended" = "opening";
  private line: Line | undefined;
  private cancelTimer: Cancel = () => undefined;
  private silentHeartbeats = 0;

  constructor(options: SessionOptions, owner: SessionOwner) {
    this.options = options;
    this.owner = owner;
    this.requests = new RequestTable(options.environment, options.requestTimeoutMs);
  }

  /** Dials and signs in; the owner hears how that went. */
  start(): void {
    const { url, environment, requestTimeoutMs } = this.options;
    this.cancelTimer = environment.after(requestTimeoutMs, () => {
      const error = new RequestTimedOut(Command.SignIn, requestTimeoutMs);
      this.end({ code: CloseCode.Abnormal, text: error.message }, error);
    });
    dial(url, environment, {
      open: () => this.signIn(),
      packet: (bytes) => this.packet(bytes),
      closed: (reason) => this.end(reason),
    }).then(
      (line) => {
        if (this.state === "ended") line.close(closeAbnormal);
        else this.line = line;
      },
      // A URL or a constructor that refuses will refuse again: nothing to come back for.
      (cause: unknown) => {
        const error = cause instanceof Error ? cause : new Error(String(cause));
        this.end(closeProtocolFault(error.message), error);
      },
    );
  }

  /**
   * Sends a request; resolves with the decoded answer.
   * @throws RequestRefused, RequestTimedOut, Disconnected; ProtocolFault when the answer is not what it should be
   */
  async request<Request extends DescMessage, Response extends DescMessage>(
    command: string,
    dest: string,
    schema: Request,
    init: MessageInitShape<Request>,
    responseSchema: Response,
  ): Promise<MessageShape<Response>> {
    if (this.state !== "live") throw new Disconnected(closeAbnormal);
    const { sequence, answer } = this.requests.open(command);
    this.line?.send(encodeLogicPacket({ command, dest, sequence }, toBinary(schema, create(schema, init))));
    const decoded = decodeBody(responseSchema, await answer);
    if (decoded === undefined) throw new ProtocolFault(closeProtocolFault(`the answer to ${command} does not parse`));
    return decoded;
  }

  /** Ends the connection; unanswered requests reject with Disconnected, and the owner is told. */
  end(reason: CloseReason, error: Error = new Disconnected(reason)): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.cancelTimer();
    this.line?.close(reason);
    this.requests.failAll(new Disconnected(reason));
    this.owner.ended(reason, error);
  }

  private signIn(): void {
    if (this.state !== "opening") return;
    this.state = "signing-in";
    const { token, device } = this.options;
    const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token, device, features: [Feature.Renew] }));
    this.line?.send(encodeLogicPacket({ command: Command.SignIn, sequence: signInSequence }, body));
  }

  private packet(bytes: Uint8Array): void {
    this.silentHeartbeats = 0;
    try {
      const packet = decodePacket(bytes);
      if (packet.kind === "logic") this.logic(packet.header, packet.body);
      else if (packet.code === BasicCode.Ping) this.line?.send(basicPong);
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      this.end(error.reason);
    }
  }

  private logic(header: Header, body: Uint8Array): void {
    if (this.state === "signing-in") {
      // The first packet is the sign-in's answer (wire protocol, section 5).
      if (header.flag !== Flag.Response || header.sequence !== signInSequence) {
        throw new ProtocolFault(closeProtocolFault("the first packet was not the sign-in's answer"));
      }
      if (header.status !== Status.Success) {
        const sentence = decodeBody(ErrorRespSchema, body)?.message ?? "";
        const refusal = new RequestRefused(Command.SignIn, header.status, sentence);
        this.end(reasonOfRefusal(refusal), refusal);
        return;
      }
      const answer = decodeBody(LoginRespSchema, body);
      if (answer === undefined) throw new ProtocolFault(closeProtocolFault("the sign-in's answer does not parse"));
      this.state = "live";
      this.cancelTimer();
      this.beat();
      this.owner.signedIn(answer);
    } else if (this.state === "live") {
      if (header.flag === Flag.Response) this.requests.settle(header, body);
      else if (header.flag === Flag.Push) this.owner.pushed(header, body);
    }
  }

  private beat(): void {
    this.cancelTimer = this.options.environment.after(heartbeatMs, () => {
      if (this.silentHeartbeats >= silentHeartbeatsMax) {
        this.end({ code: CloseCode.Abnormal, text: "the server has fallen silent" });
        return;
      }
      this.silentHeartbeats++;
      // A line owns what it is given, and the constant is everybody's.
      this.line?.send(basicPing.slice());
      this.beat();
    });
  }
}

/** What a refused sign-in means for coming back, said as the close code that means the same. */
function reasonOfRefusal(refusal: RequestRefused): CloseReason {
  const text = refusal.message;
  if (refusal.status === Status.Unauthorized) return { code: CloseCode.Unauthorised, text };
  if (refusal.isTransient || refusal.isSessionLost) return { code: CloseCode.Overload, text };
  return closeProtocolFault(text);
}
