// A request that a back end makes by the API of this process. It runs through the handlers of the wire's commands, as
// an account or as the system.

import { Status } from "../wire/gen/pkt_pb.ts";
import { Context, type GatewayLink } from "./context.ts";
import { Refusal } from "./refusal.ts";

const nothing = Buffer.alloc(0);

/** How the clientIds of back ends begin; those of clients do not. */
export const backEndClientId = "api:";

/** Whether nobody waits for an answer any more: an AbortSignal, or less. */
export interface Ending {
  readonly aborted: boolean;
}

/** What a back end asks. */
export interface Call {
  readonly command: string;
  readonly app: string;
  /** Who asks: an account, or `systemAccount` (auth/names.ts). */
  readonly account: string;
  readonly dest?: string;
  /** The body as on the wire; it is not copied, and must not change. */
  readonly body: Buffer;
  /** When the request arrived, on the monotonic clock. */
  readonly receivedMs: number;
  /** Aborted when nobody waits for the answer any more: what has not begun does not begin. */
  readonly signal?: Ending | undefined;
}

/** The answer: a body if the status is Success, else a sentence. */
export interface Answer {
  readonly status: Status;
  readonly body: Uint8Array;
  readonly sentence: string;
  /** It is refused because its clientId is that of another request. */
  readonly isConflict: boolean;
}

export class CallContext extends Context {
  readonly command: string;
  readonly app: string;
  readonly account: string;
  readonly channelId = "";
  readonly sequence = 0;
  readonly dest: string;
  readonly packet: Buffer;
  readonly bodyStart = 0;
  readonly receivedMs: number;
  private readonly signal: Ending | undefined;
  private readonly answered: (answer: Answer) => void;

  constructor({ command, app, account, dest = "", body, receivedMs, signal }: Call, answered: (a: Answer) => void) {
    super();
    this.command = command;
    this.app = app;
    this.account = account;
    this.dest = dest;
    this.packet = body;
    this.receivedMs = receivedMs;
    this.signal = signal;
    this.answered = answered;
  }

  get link(): GatewayLink {
    throw new Refusal(Status.InvalidCommand, `${this.command} is for gateways`);
  }

  get payer(): string {
    return "";
  }

  get isBackEnd(): boolean {
    return true;
  }

  get isOpen(): boolean {
    return this.signal?.aborted !== true;
  }

  get unsentBytes(): number {
    return 0;
  }

  dismiss(): void {
    this.answer(Status.Success, nothing);
  }

  fail(): void {
    this.refuse(Status.SystemException, "the server failed, try again");
  }

  refuse(status: Status, sentence: string, isConflict = false): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.answered({ status, body: nothing, sentence, isConflict });
  }

  protected answer(status: Status, body: Uint8Array): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.answered({ status, body: Buffer.from(body), sentence: "", isConflict: false });
  }
}
