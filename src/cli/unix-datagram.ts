// Datagrams to a Unix socket, which Bun does not support, by two calls of the C library. A send never blocks: it fails
// if the receiver has no room.

import { dlopen, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";

/** Linux, `sys/socket.h`. */
const afUnix = 1;
const sockDgram = 2;
const sockCloexec = 0o2000000;
const msgDontwait = 0x40;
const msgNosignal = 0x4000;
/** `sun_path`, less the zero byte that ends a path. */
const nameBytesMax = 107;

/** A sender to one socket; holds a descriptor until the process ends. */
export class UnixDatagramSender {
  private readonly libc = openLibc();
  private readonly address: Uint8Array;
  private readonly socket: number;

  /** `name` is an absolute path, or `@` and a name in the abstract namespace. Throws if it is neither. */
  constructor(name: string) {
    this.address = socketAddress(name);
    this.socket = this.libc.socket(afUnix, sockDgram | sockCloexec, 0);
    if (this.socket < 0) throw new Error(`socket: ${this.lastError()}`);
  }

  /** Sends a text as one datagram. Throws if the receiver does not accept it at once. */
  send(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const { address, socket } = this;
    const sent = this.libc.sendto(socket, bytes, bytes.length, msgDontwait | msgNosignal, address, address.length);
    if (Number(sent) !== bytes.length) throw new Error(`sendto: ${this.lastError()}`);
  }

  /** Returns the name of `errno`, such as ECONNREFUSED. */
  private lastError(): string {
    const at = this.libc["__errno_location"]();
    const code = at === null ? 0 : read.i32(at, 0);
    return code > 0 ? getSystemErrorName(-code) : "refused";
  }
}

function openLibc() {
  return dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    __errno_location: { args: [], returns: "ptr" },
  }).symbols;
}

/**
 * `struct sockaddr_un`:
 *
 * | bytes | |
 * |---|---|
 * | 2 | AF_UNIX, in native byte order (little-endian wherever Bun runs) |
 * | n | a path and a zero byte; or a zero byte and an abstract name, delimited by the address length |
 */
function socketAddress(name: string): Uint8Array {
  const isAbstract = name.startsWith("@");
  const bytes = new TextEncoder().encode(name);
  if ((!isAbstract && !name.startsWith("/")) || bytes.length < 2 || bytes.length > nameBytesMax)
    throw new Error(
      `invalid socket ${JSON.stringify(name)}: expected an absolute path or @name of at most ${nameBytesMax} bytes`,
    );
  const address = new Uint8Array(2 + bytes.length + (isAbstract ? 0 : 1));
  address[0] = afUnix;
  address.set(bytes, 2);
  if (isAbstract) address[2] = 0;
  return address;
}
