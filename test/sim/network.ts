// The network between simulated machines: TCP connections as `Bun.listen` and `Bun.connect` make them, and calls to
// what is not simulated by its sockets (registry, stores). Bytes are late, come in pieces, and wait while two machines
// cannot reach each other; then a side that ends is not heard of by the other one. Calls are late and get lost.

import type { Life, Machine, Machines } from "./machines.ts";

/** What a socket may have under way before it takes no more. */
const windowBytes = 256 * 1024;
/** A segment that is lost is sent again. */
const retransmitMs = 250;
const troubledDelayMsMax = 20;
const slowDelayMsMax = 600;
/** Of a call whose request or answer is lost. */
export const callMsMax = 2_000;

interface SocketHandlers {
  readonly open?: (socket: SimulatedSocket) => unknown;
  readonly data?: (socket: SimulatedSocket, chunk: Buffer) => unknown;
  readonly drain?: (socket: SimulatedSocket) => unknown;
  readonly end?: (socket: SimulatedSocket) => unknown;
  readonly close?: (socket: SimulatedSocket) => unknown;
  readonly connectError?: (socket: SimulatedSocket, error: Error) => unknown;
}

interface SocketOptions {
  readonly hostname: string;
  readonly port: number;
  readonly socket: SocketHandlers;
}

interface Listener {
  readonly life: Life;
  readonly handlers: SocketHandlers;
}

type Segment = { readonly kind: "open" | "end" | "reset" } | { readonly kind: "data"; readonly bytes: Buffer };

/** One end of a connection: what is used of Bun's `Socket`. */
class SimulatedSocket {
  data: unknown = undefined;
  readonly remoteAddress: string;
  readonly life: Life;
  readonly handlers: SocketHandlers;
  private readonly network: Network;
  peer: SimulatedSocket | undefined;
  /** It neither takes nor gives any more. */
  isGone = false;
  private isShut = false;
  /** On the way to the peer, in order. */
  private readonly segments: Segment[] = [];
  private flightBytes = 0;
  private arrivesMs = 0;
  private wantsDrain = false;
  /** Arrivals that found the machines parted. */
  private heldUp = 0;

  constructor(network: Network, life: Life, remoteAddress: string, handlers: SocketHandlers) {
    this.network = network;
    this.life = life;
    this.remoteAddress = remoteAddress;
    this.handlers = handlers;
    life.ends.push((isPowered) => {
      if (isPowered) this.terminate();
      else this.isGone = true;
    });
  }

  write(bytes: Uint8Array, at = 0, length = bytes.length - at): number {
    if (this.isGone || this.isShut) return -1;
    const written = Math.min(length, windowBytes - this.flightBytes);
    if (written < length) this.wantsDrain = true;
    if (written > 0) this.cut(Buffer.from(bytes.subarray(at, at + written)));
    return written;
  }

  shutdown(): void {
    if (this.isGone || this.isShut) return;
    this.isShut = true;
    this.post({ kind: "end" });
  }

  terminate(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.post({ kind: "reset" });
  }

  pause(): void {}
  resume(): void {}

  post(segment: Segment): void {
    this.segments.push(segment);
    if (segment.kind === "data") this.flightBytes += segment.bytes.length;
    this.planArrival();
  }

  /** The machines reach each other again. */
  heal(): void {
    for (; this.heldUp > 0; this.heldUp--) this.planArrival();
  }

  /** Now and then a read ends in the middle of a frame. */
  private cut(bytes: Buffer): void {
    const { random } = this.network.machines;
    let at = 0;
    for (let cuts = random.once(6) ? 1 + random.below(3) : 0; cuts > 0 && bytes.length - at > 1; cuts--) {
      const end = at + 1 + random.below(bytes.length - at - 1);
      this.post({ kind: "data", bytes: bytes.subarray(at, end) });
      at = end;
    }
    this.post({ kind: "data", bytes: bytes.subarray(at) });
  }

  private planArrival(): void {
    const { network } = this;
    const { events } = network.machines;
    this.arrivesMs = Math.max(this.arrivesMs, events.nowMs + network.delayMs());
    events.after(this.arrivesMs - events.nowMs, () => this.arrived());
  }

  private arrived(): void {
    const { network, peer, life } = this;
    if (peer === undefined) return;
    if (network.isParted(life.machine, peer.life.machine)) {
      this.heldUp++;
      return;
    }
    const segment = this.segments.shift();
    if (segment === undefined) return;
    if (segment.kind === "data") this.landed(segment.bytes.length);
    peer.received(segment);
  }

  private landed(bytes: number): void {
    this.flightBytes -= bytes;
    if (!this.wantsDrain || this.flightBytes > windowBytes / 2) return;
    this.wantsDrain = false;
    if (!this.isGone) this.network.machines.run(this.life, () => this.handlers.drain?.(this));
  }

  private received(segment: Segment): void {
    const { machines } = this.network;
    if (this.isGone) {
      // Nobody has this port any more, and says so if anybody is there.
      if (segment.kind !== "reset" && this.life.machine.isPowered) this.post({ kind: "reset" });
      return;
    }
    if (segment.kind === "open") machines.run(this.life, () => this.handlers.open?.(this));
    else if (segment.kind === "data") machines.run(this.life, () => this.handlers.data?.(this, segment.bytes));
    else {
      machines.run(this.life, () => {
        if (segment.kind === "end") {
          this.handlers.end?.(this);
          this.shutdown();
        }
        this.isGone = true;
        this.handlers.close?.(this);
      });
    }
  }
}

export class Network {
  readonly machines: Machines;
  /** Delays are long at times, calls and connections are lost. */
  isTroubled = true;
  private readonly listeners = new Map<string, Listener>();
  private readonly sockets: SimulatedSocket[] = [];
  private readonly parted = new Set<string>();
  /** When the last call from one machine to another one arrives: calls keep their order. */
  private readonly callsArriveMs = new Map<string, number>();

  constructor(machines: Machines) {
    this.machines = machines;
  }

  /** Parts machines from each other, or lets two of them reach each other again. */
  part(one: Machine, other: Machine): void {
    this.parted.add(`${one.name} ${other.name}`);
    this.parted.add(`${other.name} ${one.name}`);
  }

  heal(): void {
    this.parted.clear();
    for (const socket of this.sockets) socket.heal();
  }

  isParted(one: Machine, other: Machine): boolean {
    return this.parted.size > 0 && this.parted.has(`${one.name} ${other.name}`);
  }

  /** Of one segment or call. */
  delayMs(): number {
    const { random } = this.machines;
    if (!this.isTroubled) return 1 + random.below(3);
    if (random.once(40)) return random.below(slowDelayMsMax);
    if (random.once(40)) return retransmitMs + random.below(troubledDelayMsMax);
    return 1 + random.below(troubledDelayMsMax);
  }

  /** Runs `play` with `Bun.listen` and `Bun.connect` replaced. */
  simulate<Result>(play: () => Result): Result {
    const { listen, connect } = Bun;
    Object.assign(Bun, {
      listen: (options: SocketOptions) => this.listen(options),
      connect: (options: SocketOptions) => this.connect(options),
    });
    try {
      return play();
    } finally {
      Object.assign(Bun, { listen, connect });
    }
  }

  /**
   * Runs `handle` in the process of another machine, and resolves with what it resolves with. Rejects with what it
   * rejects with, and when there is no answer.
   */
  call<Answer>(to: Machine, handle: () => Answer | Promise<Answer>, msMax = callMsMax): Promise<Answer> {
    const { machines } = this;
    const { running: from } = machines;
    return new Promise((resolve, reject) => {
      const cancelLimit = machines.plan(from, msMax, () => reject(new Error(`no answer of ${to.name}`)));
      const answer = (settle: () => void): void => {
        if (this.isLost(to, from.machine)) return;
        machines.events.after(this.callDelayMs(to, from.machine), () => {
          if (this.isParted(to, from.machine)) return;
          machines.run(from, () => {
            cancelLimit();
            settle();
          });
        });
      };
      if (this.isLost(from.machine, to)) return;
      machines.events.after(this.callDelayMs(from.machine, to), () => {
        if (this.isParted(from.machine, to)) return;
        const { life } = to;
        if (life === undefined) {
          if (to.isPowered) answer(() => reject(new Error(`${to.name} does not run`)));
          return;
        }
        machines.run(life, () => {
          Promise.try(handle).then(
            (value) => answer(() => resolve(value)),
            (error: unknown) => answer(() => reject(error)),
          );
        });
      });
    });
  }

  private isLost(from: Machine, to: Machine): boolean {
    return this.isParted(from, to) || (this.isTroubled && this.machines.random.once(60));
  }

  private callDelayMs(from: Machine, to: Machine): number {
    const { nowMs } = this.machines.events;
    const key = `${from.name} ${to.name}`;
    const arrivesMs = Math.max(this.callsArriveMs.get(key) ?? 0, nowMs + this.delayMs());
    this.callsArriveMs.set(key, arrivesMs);
    return arrivesMs - nowMs;
  }

  private listen({ hostname, port, socket }: SocketOptions): { readonly port: number; stop(): void } {
    const key = `${hostname}:${port}`;
    const listener = { life: this.machines.running, handlers: socket };
    if (this.listeners.has(key)) throw new Error(`address in use: ${key}`);
    this.listeners.set(key, listener);
    const stop = (): void => {
      if (this.listeners.get(key) === listener) this.listeners.delete(key);
    };
    listener.life.ends.push(stop);
    return { port, stop };
  }

  private connect({ hostname, port, socket: handlers }: SocketOptions): Promise<SimulatedSocket> {
    const { machines } = this;
    const { running: life } = machines;
    const machine = machines.list.find(({ address }) => address === hostname);
    const socket = new SimulatedSocket(this, life, hostname, handlers);
    const { promise, resolve } = Promise.withResolvers<SimulatedSocket>();
    machines.events.after(this.delayMs(), () => {
      if (machine === undefined || !machine.isPowered || this.isLost(life.machine, machine)) return;
      const listener = this.listeners.get(`${hostname}:${port}`);
      if (listener === undefined) {
        machines.plan(life, this.delayMs(), () => handlers.connectError?.(socket, new Error("connection refused")));
        return;
      }
      const accepted = new SimulatedSocket(this, listener.life, life.machine.address, listener.handlers);
      accepted.peer = socket;
      socket.peer = accepted;
      this.sockets.push(socket, accepted);
      accepted.post({ kind: "open" });
      machines.run(listener.life, () => listener.handlers.open?.(accepted));
      resolve(socket);
    });
    return promise;
  }
}
