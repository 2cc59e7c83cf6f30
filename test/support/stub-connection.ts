import type { Connection } from "../../src/transport/transport.ts";
import type { CloseReason } from "../../src/wire/close-reason.ts";

/** A connection that goes nowhere: it keeps what is sent, and the reasons with which it is closed. */
export class StubConnection implements Connection {
  readonly remoteAddress = "stub";
  readonly unsentBytes = 0;
  frameBytesMax = 1;
  outbound = Buffer.alloc(0);
  readonly sent: Uint8Array[] = [];
  readonly reasons: CloseReason[] = [];
  get isOpen(): boolean {
    return this.reasons.length === 0;
  }
  reserve(_payloadBytes: number): number {
    return -1;
  }
  identified(): void {}
  handOver(): void {}
  unreserve(): void {}
  fail(bug: unknown): void {
    throw bug;
  }
  send(payload: Uint8Array): boolean {
    this.sent.push(payload);
    return true;
  }
  close(reason: CloseReason): void {
    this.reasons.push(reason);
  }
}
