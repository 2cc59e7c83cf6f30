// Timers for the tests of redials.

import { handshakeMsMax } from "../../src/link/handshake.ts";
import { systemTimers, type Timers } from "../../src/base/timers.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";

export const request = encodeLogicPacket({ command: "chat.user.talk" }, new Uint8Array(0));

/** Timers that remember what redials asked for, and do not wait so long; handshakes have their time. */
export class HastyTimers implements Timers {
  readonly pauses: number[] = [];
  /** How many may run. */
  runs = Infinity;
  /** Planned and neither run nor cancelled. */
  pending = 0;

  after(delayMs: number, action: () => void): () => void {
    if (delayMs === handshakeMsMax) return systemTimers.after(delayMs, action);
    this.pauses.push(delayMs);
    this.pending++;
    let isOver = false;
    const over = (): boolean => {
      if (isOver) return false;
      isOver = true;
      this.pending--;
      return true;
    };
    const cancel = systemTimers.after(0, () => {
      if (this.runs-- > 0 && over()) action();
    });
    return () => {
      cancel();
      over();
    };
  }

  soon(action: () => void): void {
    systemTimers.soon(action);
  }
}
