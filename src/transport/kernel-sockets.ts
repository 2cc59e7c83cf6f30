// What the kernel knows about this process's sockets, by descriptor, and the platform does not report: connections of
// an HTTP server without a request, bytes of an unfinished WebSocket message, connections closed here but not by their
// peers, and the buffers of a listener (Linux: proc(5), getpeername(2), socket(7), tcp(7)).
//
// A descriptor found here belongs to the event loop of this thread, which closes none while this code runs, so shutting
// it down cannot hit another socket. The event loop then reads the end of the socket, and closes it.

import { readdirSync } from "node:fs";
import { formatAddress, plainAddress } from "./address.ts";

/** linux/socket.h, and the offsets of sockaddr_in and sockaddr_in6. */
const addressFamily = { v4: 2, v6: 10 } as const;
const portAt = 2;
const v4At = 4;
const v6At = 8;
const valueBytesMax = 256;
const shutBoth = 2;
/** asm-generic/socket.h. */
const socketLevel = 1;
const receiveBuffer = 8;
const isListening = 30;
const attachSteering = 51;
/** linux/filter.h: the code of the instruction that returns a constant. */
const returnConstant = 0x06;
/** linux/tcp.h: the option, its length up to the field, and `tcpi_bytes_received` in it. */
const protocolTcp = 6;
const tcpInfo = 11;
const tcpInfoBytes = 136;
const bytesReceivedAt = 128;

/** Functions of the C library. */
interface SystemCalls {
  readonly getsockname: (descriptor: number, address: Uint8Array, length: Uint32Array) => number;
  readonly getpeername: (descriptor: number, address: Uint8Array, length: Uint32Array) => number;
  readonly getsockopt: (
    descriptor: number,
    level: number,
    option: number,
    value: Uint8Array,
    length: Uint32Array,
  ) => number;
  readonly setsockopt: (
    descriptor: number,
    level: number,
    option: number,
    value: Uint32Array,
    length: number,
  ) => number;
  readonly shutdown: (descriptor: number, how: number) => number;
}

/** An accepted socket. */
export interface FoundSocket {
  readonly descriptor: number;
  /** The peer's plain IP address. */
  readonly address: string;
  /** The peer, `host:port`. */
  readonly peer: string;
}

/** A listener's buffers, as in `TransportOptions`. */
interface ListenerBuffers {
  readonly receiveBufferBytes?: number;
  readonly observer: { bug(bug: unknown): void };
}

/** Applies `receiveBufferBytes` to a listener; does nothing on a system without these calls. */
export function boundReceived(port: number, { receiveBufferBytes, observer }: ListenerBuffers): void {
  if (receiveBufferBytes === undefined) return;
  const bound = async (): Promise<void> => (await SocketFinder.open())?.boundReceived(port, receiveBufferBytes);
  bound().catch((bug: unknown) => observer.bug(bug));
}

/** Finds the sockets of this process, and shuts them down. */
export class SocketFinder {
  private static opened: Promise<SocketFinder | undefined> | undefined;
  private readonly calls: SystemCalls;
  private readonly bytes = new Uint8Array(valueBytesMax);
  private readonly length = new Uint32Array(1);

  /** The address of an array's memory. */
  private readonly addressOf: (array: Uint32Array) => number;

  private constructor(calls: SystemCalls, addressOf: (array: Uint32Array) => number) {
    this.calls = calls;
    this.addressOf = addressOf;
  }

  /** Returns undefined on a system other than Linux, or with another C library. */
  static open(): Promise<SocketFinder | undefined> {
    return (SocketFinder.opened ??= SocketFinder.load());
  }

  private static async load(): Promise<SocketFinder | undefined> {
    try {
      const { dlopen, ptr } = await import("bun:ffi");
      const nameArguments = ["i32", "ptr", "ptr"] as const;
      const { symbols } = dlopen("libc.so.6", {
        getsockname: { args: nameArguments, returns: "i32" },
        getpeername: { args: nameArguments, returns: "i32" },
        getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
        shutdown: { args: ["i32", "i32"], returns: "i32" },
      });
      const finder = new SocketFinder(symbols, ptr);
      finder.acceptedAt(0);
      return finder;
    } catch {
      // The library or /proc is missing.
      return undefined;
    }
  }

  /**
   * Returns the sockets that were accepted at `port` and whose peer's port is in `wanted`. Costs about a microsecond
   * for each descriptor of the process. `allBelow`: every descriptor below it is in use; they are scanned without
   * listing them, which would take a descriptor.
   */
  acceptedAt(port: number, wanted: (peerPort: number) => boolean = () => true, allBelow?: number): FoundSocket[] {
    const found: FoundSocket[] = [];
    for (const descriptor of this.descriptors(allBelow)) {
      const socket = this.acceptedAs(descriptor, port, wanted);
      if (socket !== undefined) found.push(socket);
    }
    return found;
  }

  /** Counts these sockets by their peers' ports, without an object for each. */
  countAccepted(port: number, byPeerPort: Uint16Array, allBelow?: number): void {
    for (const descriptor of this.descriptors(allBelow))
      if (this.isAcceptedAt(descriptor, port)) byPeerPort[this.port] = (byPeerPort[this.port] ?? 0) + 1;
  }

  /** The open descriptors, or all below `allBelow`. @throws if no descriptor is free to list them. */
  descriptors(allBelow?: number): Iterable<number> {
    if (allBelow !== undefined) return Array.from({ length: allBelow }).keys();
    return readdirSync("/proc/self/fd").map(Number);
  }

  /** Returns the socket of a descriptor if it was accepted at `port` and its peer's port is in `wanted`. */
  acceptedAs(descriptor: number, port: number, wanted: (peerPort: number) => boolean): FoundSocket | undefined {
    if (!this.isAcceptedAt(descriptor, port) || !wanted(this.port)) return undefined;
    const { address } = this;
    return address === undefined ? undefined : { descriptor, address, peer: formatAddress(address, this.port) };
  }

  /**
   * Bounds the kernel's receive buffer of connections that are accepted at `port` from now on: about this many bytes
   * arrive in one turn of the event loop at most.
   */
  boundReceived(port: number, bytes: number): void {
    // The kernel doubles the value, for its own bookkeeping.
    for (const descriptor of this.listenersAt(port))
      this.calls.setsockopt(descriptor, socketLevel, receiveBuffer, Uint32Array.of(bytes), 4);
  }

  /**
   * Sends new connections at `port` to one of the sockets that share it: to the number `chosen` in the kernel's order
   * (tls/generations.ts). Without such a socket, the kernel distributes them.
   */
  steer(port: number, chosen: number): void {
    // struct sock_filter { u16 code; u8 jt, jf; u32 k }, and struct sock_fprog { u16 len; struct sock_filter *filter }.
    const program = Uint32Array.of(returnConstant, chosen);
    const reference = new DataView(new ArrayBuffer(16));
    reference.setUint16(0, 1, true);
    reference.setBigUint64(8, BigInt(this.addressOf(program)), true);
    const value = new Uint32Array(reference.buffer);
    // One socket would do, for they share the program; others at this port, of other addresses, refuse it.
    for (const descriptor of this.listenersAt(port))
      this.calls.setsockopt(descriptor, socketLevel, attachSteering, value, value.byteLength);
  }

  private *listenersAt(port: number): Generator<number> {
    for (const descriptor of this.descriptors()) {
      if (!this.read(this.calls.getsockname, descriptor) || this.port !== port) continue;
      if (this.option(descriptor, socketLevel, isListening) >= 4 && this.bytes[0] === 1) yield descriptor;
    }
  }

  /** Bytes that the peer of a socket found in this turn has sent; 0 if the kernel does not report it. */
  bytesReceived({ descriptor }: FoundSocket): number {
    if (this.option(descriptor, protocolTcp, tcpInfo) < tcpInfoBytes) return 0;
    return Number(new DataView(this.bytes.buffer).getBigUint64(bytesReceivedAt, true));
  }

  /** Shuts down a socket that was found in this turn of the event loop. */
  end({ descriptor }: FoundSocket): void {
    this.calls.shutdown(descriptor, shutBoth);
  }

  /** True for an accepted socket of this port; the peer's address is then in `bytes`. */
  private isAcceptedAt(descriptor: number, port: number): boolean {
    if (!this.read(this.calls.getsockname, descriptor) || this.port !== port) return false;
    // A listener has no peer.
    return this.read(this.calls.getpeername, descriptor);
  }

  /** Reads an option of a socket into `bytes`; returns its length, 0 on failure. */
  private option(descriptor: number, level: number, option: number): number {
    this.length[0] = valueBytesMax;
    const { bytes, length, calls } = this;
    return calls.getsockopt(descriptor, level, option, bytes, length) === 0 ? (length[0] ?? 0) : 0;
  }

  private read(name: SystemCalls["getsockname"], descriptor: number): boolean {
    this.length[0] = valueBytesMax;
    return name(descriptor, this.bytes, this.length) === 0;
  }

  private get port(): number {
    return ((this.bytes[portAt] ?? 0) << 8) | (this.bytes[portAt + 1] ?? 0);
  }

  private get address(): string | undefined {
    // The family is in the machine's order; both supported architectures have the low byte first.
    const [family] = this.bytes;
    if (family === addressFamily.v4) return this.bytes.subarray(v4At, v4At + 4).join(".");
    if (family !== addressFamily.v6) return undefined;
    const groups: string[] = [];
    for (let at = v6At; at < v6At + 16; at += 2)
      groups.push((((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0)).toString(16));
    return plainAddress(canonicalV6(groups));
  }
}

/** The address as the platform writes it (RFC 5952). */
function canonicalV6(groups: readonly string[]): string {
  const text = groups.join(":");
  const mapped = /^0:0:0:0:0:ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  if (mapped !== null) {
    const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}
