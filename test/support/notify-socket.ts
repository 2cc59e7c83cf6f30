// The other end of a NOTIFY_SOCKET, as a service manager holds it: a Unix datagram socket, by the C library.

import { dlopen } from "bun:ffi";
import { until } from "../../scripts/harness/until.ts";

/** Linux, `sys/socket.h`. */
const afUnix = 1;
const sockDgram = 2;
const msgDontwait = 0x40;
const noticeBytesMax = 4_096;

export class NotifySocket {
  /** As the variable is to say it: a path, or `@` and an abstract name. */
  readonly name: string;
  /** All that was received, in its order. */
  readonly notices: string[] = [];
  private readonly libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  }).symbols;
  private readonly socket: number;

  constructor(name: string) {
    this.name = name;
    this.socket = this.libc.socket(afUnix, sockDgram, 0);
    const address = new TextEncoder().encode(
      `\u0001\u0000${name.startsWith("@") ? name.replace("@", "\0") : `${name}\0`}`,
    );
    if (this.libc.bind(this.socket, address, address.length) !== 0) throw new Error(`cannot bind ${name}`);
  }

  /** Waits until a notice with this line has come; the notice. */
  async told(line: RegExp): Promise<string> {
    const found = (): string | undefined => this.receive().find((notice) => line.test(notice));
    await until(() => found() !== undefined, `a notice like ${line}`);
    return found() ?? "";
  }

  /** Takes in what has arrived; everything so far. */
  receive(): readonly string[] {
    const bytes = new Uint8Array(noticeBytesMax);
    for (;;) {
      const length = Number(this.libc.recv(this.socket, bytes, bytes.length, msgDontwait));
      if (length <= 0) return this.notices;
      this.notices.push(new TextDecoder().decode(bytes.subarray(0, length)));
    }
  }

  close(): void {
    this.libc.close(this.socket);
  }
}
