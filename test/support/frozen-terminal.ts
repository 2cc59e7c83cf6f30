// A pseudo-terminal that nobody reads, as behind a connection that hangs or a Ctrl-S.

import { dlopen } from "bun:ffi";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";

const noControl = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;

export class FrozenTerminal {
  /** Where a program writes to it. */
  readonly path: string;
  private readonly master: number;
  private readonly slave: number;

  constructor() {
    const { symbols } = dlopen("libc.so.6", {
      posix_openpt: { args: ["i32"], returns: "i32" },
      grantpt: { args: ["i32"], returns: "i32" },
      unlockpt: { args: ["i32"], returns: "i32" },
      ptsname: { args: ["i32"], returns: "cstring" },
    });
    this.master = symbols.posix_openpt(noControl);
    if (this.master < 0 || symbols.grantpt(this.master) !== 0 || symbols.unlockpt(this.master) !== 0)
      throw new Error("there is no pseudo-terminal");
    this.path = String(symbols.ptsname(this.master));
    this.slave = openSync(this.path, noControl);
  }

  /** Writes to it until it has no room. */
  fill(): void {
    try {
      for (;;) writeSync(this.slave, "x");
    } catch {
      // EAGAIN.
    }
  }

  /** Reads some bytes, which makes some room. */
  read(bytes: number): void {
    readSync(this.master, new Uint8Array(bytes), 0, bytes, null);
  }

  close(): void {
    closeSync(this.slave);
    closeSync(this.master);
  }
}
