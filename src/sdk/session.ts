// One connection from dialling to its end: sign-in, requests and responses, heartbeats. A session is used once;
// reconnecting makes another. It notifies its owner by synchronous calls in the order of the packets, not by promises,
// so that the owner is ready for a push that arrives in the same read as the sign-in's response.

import { closeAbnormal, type CloseReason, CloseCode, closeProtocolFault } from "../wire/close-reason.ts";
import { Command } from "../wire/commands.ts";
import { ErrorResp } from "../wire/gen/messages/error-resp.ts";
import { Flag } from "../wire/gen/messages/flag.ts";
import type { Header } from "../wire/gen/messages/header.ts";
import { LoginReq } from "../wire/gen/messages/login-req.ts";
import { LoginResp } from "../wire/gen/messages/login-resp.ts";
import { Status } from "../wire/gen/messages/status.ts";
import { decodeMessage, encodeMessage } from "../wire/message-codec.ts";
import type { MessageInit, MessageType } from "../wire/message-type.ts";
import { BasicCode, basicPing, basicPong, decodePacket, encodeLogicPacket } from "../wire/packet.ts";
import { ProtocolFault } from "../wire/protocol-fault.ts";
import { Disconnected, errorOf, RequestRefused, RequestTimedOut } from "./client-errors.ts";
import { dial } from "./dial.ts";
import type { Cancel, Environment } from "./environment.ts";
import type { Transport } from "./transport.ts";
import { Liveness, probeWaitMs } from "./liveness.ts";
import { RequestTable } from "./request-table.ts";

/** Requests are numbered from 1. */
const signInSequence = 0;
/** Commands with responses of megabytes: a WebSocket reports nothing of a message before its last byte. */
const longAnswers: ReadonlySet<string> = new Set([
  ...[Command.OfflineIndex, Command.OfflineContent, Command.GroupDetail, Command.GroupMembers],
]);
const closeSilent: CloseReason = { code: CloseCode.Abnormal, text: "the server has fallen silent" };

interface SessionOptions {
  readonly url: string;
  readonly token: string;
  readonly device: Promise<string>;
  /** The features to ask for. */
  readonly features: readonly string[];
  /** The time limit of the sign-in, including dialling, and of each request. */
  readonly requestTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly environment: Environment;
}

interface SessionOwner {
  signedIn(answer: LoginResp): void;
  /** The owner may keep `body`. */
  pushed(header: Header, body: Uint8Array): void;
  /** The last call, made once. `error` is the error of a failed sign-in. */
  ended(reason: CloseReason, error: Error): void;
}

export class Session {
  private readonly options: SessionOptions;
  private readonly owner: SessionOwner;
  private readonly requests: RequestTable;
  private readonly liveness: Liveness;
  private state: "opening" | "signing-in" | "live" | "ended" = "opening";
  private transport: Transport | undefined;
  private cancelTimer: Cancel = () => undefined;
  private isProbed = false;
  private reads = 0;

  constructor(options: SessionOptions, owner: SessionOwner) {
    this.options = options;
    this.owner = owner;
    this.requests = new RequestTable(options.environment, options.requestTimeoutMs);
    this.liveness = new Liveness(options.environment, options.heartbeatMs, {
      // A transport takes ownership of the packet, and the constant is shared.
      ping: () => this.transport?.send(basicPing.slice()),
      isWaiting: () => this.requests.size > 0,
      isReading: () => this.reads > 0,
      silent: () => this.end(closeSilent),
    });
  }

  get url(): string {
    return this.options.url;
  }

  /** Dials and signs in; reports the result to the owner. */
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
      (transport) => {
        if (this.state === "ended") transport.close(closeAbnormal);
        else this.transport = transport;
      },
      (cause: unknown) => this.failed(cause),
    );
  }

  /**
   * Sends a request; resolves with the decoded response.
   * @throws RequestRefused, RequestTimedOut, Disconnected; ProtocolFault if the response is malformed
   */
  async request<Request, Response>(
    command: string,
    dest: string,
    type: MessageType<Request>,
    init: MessageInit<NoInfer<Request>>,
    responseType: MessageType<Response>,
  ): Promise<Response> {
    if (this.state !== "live") throw new Disconnected(closeAbnormal);
    const body = encodeMessage(type, init);
    const { sequence, answer } = this.requests.open(command);
    this.transport?.send(encodeLogicPacket({ command, dest, sequence }, body));
    this.liveness.asked(this.requests.size === 1);
    const decoded = decodeMessage(responseType, await this.answered(command, answer));
    if (decoded === undefined) throw new ProtocolFault(closeProtocolFault(`the answer to ${command} does not parse`));
    return decoded;
  }

  /** Ends the connection unless the server is heard within some seconds. */
  probe(): void {
    if (this.state === "live") this.liveness.probe();
    else if (this.state !== "ended" && !this.isProbed) {
      this.isProbed = true;
      this.cancelTimer();
      this.cancelTimer = this.options.environment.after(probeWaitMs, () => this.end(closeSilent));
    }
  }

  /** Ends the connection: rejects pending requests with Disconnected and notifies the owner. */
  end(reason: CloseReason, error: Error = new Disconnected(reason)): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.cancelTimer();
    this.liveness.stop();
    this.transport?.close(reason);
    this.requests.failAll(new Disconnected(reason));
    this.owner.ended(reason, error);
  }

  private signIn(): void {
    if (this.state !== "opening") return;
    this.state = "signing-in";
    const { token, features } = this.options;
    this.options.device.then(
      (device) => {
        const body = encodeMessage(LoginReq, { token, device, features });
        this.transport?.send(encodeLogicPacket({ command: Command.SignIn, sequence: signInSequence }, body));
      },
      (cause: unknown) => this.failed(cause),
    );
  }

  /** An invalid URL, a constructor that throws, or no device: it fails the same way again, so do not reconnect. */
  private failed(cause: unknown): void {
    const error = errorOf(cause);
    this.end(closeProtocolFault(error.message), error);
  }

  private async answered(command: string, answer: Promise<Uint8Array>): Promise<Uint8Array> {
    const isRead = longAnswers.has(command);
    if (isRead) this.reads++;
    try {
      return await answer;
    } catch (error) {
      if (error instanceof RequestTimedOut) this.probe();
      throw error;
    } finally {
      if (isRead) this.reads--;
    }
  }

  private packet(bytes: Uint8Array): void {
    this.liveness.heard();
    try {
      const packet = decodePacket(bytes);
      if (packet.kind === "logic") this.logic(packet.header, packet.body);
      else if (packet.code === BasicCode.Ping) this.transport?.send(basicPong);
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      this.end(error.reason);
    }
  }

  private logic(header: Header, body: Uint8Array): void {
    if (this.state === "signing-in") {
      // The first packet must be the sign-in's response.
      if (header.flag !== Flag.Response || header.sequence !== signInSequence) {
        throw new ProtocolFault(closeProtocolFault("the first packet was not the sign-in's answer"));
      }
      if (header.status !== Status.Success) {
        const sentence = decodeMessage(ErrorResp, body)?.message ?? "";
        const refusal = new RequestRefused(Command.SignIn, header.status, sentence);
        this.end(reasonOfRefusal(refusal), refusal);
        return;
      }
      const answer = decodeMessage(LoginResp, body);
      if (answer === undefined) throw new ProtocolFault(closeProtocolFault("the sign-in's answer does not parse"));
      this.state = "live";
      this.cancelTimer();
      this.liveness.start();
      this.owner.signedIn(answer);
    } else if (this.state === "live") {
      if (header.flag === Flag.Response) this.requests.settle(header, body);
      else if (header.flag === Flag.Push) this.owner.pushed(header, body);
    }
  }
}

/** Returns the close reason that has the same meaning for reconnecting as a refused sign-in. */
function reasonOfRefusal(refusal: RequestRefused): CloseReason {
  const text = refusal.message;
  if (refusal.status === Status.Unauthorized) return { code: CloseCode.Unauthorised, text };
  if (refusal.isTransient || refusal.isSessionLost) return { code: CloseCode.Overload, text };
  // Too many devices are signed in: one of them may leave.
  if (refusal.status === Status.Forbidden) return { code: CloseCode.Limit, text };
  return closeProtocolFault(text);
}
