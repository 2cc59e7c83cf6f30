// TCP connections as the C library makes them: from any address of loopback, ended by a reset or in halves, and read
// only when the test reads. Bun's own sockets can do none of that.

import { dlopen, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";

/** Linux, `sys/socket.h`. */
const afInet = 2;
const sockStream = 1;
const sockCloexec = 0o2000000;
const solSocket = 1;
const soLinger = 13;
const soSndtimeo = 21;
const shutWr = 1;
const msgDontwait = 0x40;
const msgNosignal = 0x4000;
/** How long `connect` may block: with a full backlog it would for minutes. */
const connectSecondsMax = 10;

const libc = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
}).symbols;

const received = new Uint8Array(64 * 1024);

/** A connection to a port of 127.0.0.1. Holds a descriptor until `close` or `reset`. */
export class RawTcp {
  private readonly socket: number;

  /**
   * Connects from `source`, any address of 127.0.0.0/8. Returns when the handshake is done, which the kernel does:
   * whether the server has accepted is not known.
   * @throws when nobody listens, or the backlog stays full.
   */
  constructor(port: number, source = "127.0.0.1") {
    this.socket = libc.socket(afInet, sockStream | sockCloexec, 0);
    if (this.socket < 0) throw failure("socket");
    const from = socketAddress(source, 0);
    const to = socketAddress("127.0.0.1", port);
    this.option(soSndtimeo, new BigInt64Array([BigInt(connectSecondsMax), 0n]));
    if (libc.bind(this.socket, from, from.length) < 0 || libc.connect(this.socket, to, to.length) < 0) {
      const error = failure(`connect from ${source}`);
      this.close();
      throw error;
    }
  }

  /** Sends what the kernel takes at once; the number of bytes, or -1 when the connection is gone. */
  write(bytes: Uint8Array): number {
    return bytes.length === 0 ? 0 : Number(libc.send(this.socket, bytes, bytes.length, msgDontwait | msgNosignal));
  }

  /** What has come, at most 64 KiB: empty when nothing has; undefined at the end, or when the connection is gone. */
  read(): Buffer | undefined {
    const count = Number(libc.recv(this.socket, received, received.length, msgDontwait));
    if (count > 0) return Buffer.from(received.subarray(0, count));
    return count < 0 && errno() === "EAGAIN" ? Buffer.alloc(0) : undefined;
  }

  /** Ends this side in good order; the other one may still send. */
  shutdown(): void {
    libc.shutdown(this.socket, shutWr);
  }

  /** Closes both sides: in good order, or by a reset when something that came was not read. */
  close(): void {
    libc.close(this.socket);
  }

  /** Closes by a reset (SO_LINGER with a time of 0). */
  reset(): void {
    this.option(soLinger, new Int32Array([1, 0]));
    this.close();
  }

  private option(name: number, value: Int32Array | BigInt64Array): void {
    if (libc.setsockopt(this.socket, solSocket, name, value, value.byteLength) < 0) throw failure("setsockopt");
  }
}

function errno(): string {
  const at = libc["__errno_location"]();
  const code = at === null ? 0 : read.i32(at, 0);
  return code > 0 ? getSystemErrorName(-code) : "no error";
}

function failure(call: string): Error {
  return new Error(`${call}: ${errno()}`);
}

/** `struct sockaddr_in`: AF_INET (little-endian), the port (big-endian), the address, eight zero bytes. */
function socketAddress(host: string, port: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(afInet, 0);
  bytes.writeUInt16BE(port, 2);
  for (const [index, part] of host.split(".").entries()) bytes[4 + index] = Number(part);
  return bytes;
}
