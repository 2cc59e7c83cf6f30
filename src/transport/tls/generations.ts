// Renews the certificate of an HTTP server of the platform, which cannot change its own: a second server binds the same
// port (SO_REUSEPORT) and gets all new connections; the first one keeps those that it has.
//
// The kernel distributes new connections among the listening sockets, and closing one resets those that wait at it. So
// a program of one instruction (BPF) first steers all of them to the newest socket, and an older server stops accepting
// only when whatever it has accepted must have sent its request: the platform closes connections without one then, too.
//
// The kernel numbers the sockets of a port in the order in which they began to listen; when one closes, the last takes
// its number (reuseport_select_sock and reuseport_detach_sock in
// https://github.com/torvalds/linux/blob/master/net/core/sock_reuseport.c). `listening` mirrors that.
//
// Where several processes share the port, or the system has no such programs, nothing is steered: connections get the
// old certificate or the new one until the old server stops accepting, and the few that wait at it then are reset.

import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import { SocketFinder } from "../kernel-sockets.ts";

/** Certificates that change faster than older servers stop: more than this many do not listen at once. */
const listeningMax = 4;
/** From a failure to start a server to the next try, in milliseconds. */
const retryMs = 1_000;

/** The part of a server that is used. */
interface Stoppable {
  stop(closeActiveConnections?: boolean): Promise<void>;
}

interface GenerationParts {
  /** Starts a server with the present certificate at the same port. @throws what the platform finds wrong. */
  readonly next: () => Stoppable;
  readonly port: number;
  /** No other process listens at the port. */
  readonly isAlone: boolean;
  /** What a connection may take from its beginning to the end of its request, in milliseconds. */
  readonly graceMs: number;
  readonly wheel: TimerWheel;
  readonly bug: (bug: unknown) => void;
}

/** The servers of one port, of which the newest accepts. */
export class Generations {
  private readonly parts: GenerationParts;
  /** As the kernel numbers them. */
  private readonly listening: Generation[] = [];
  /** The promise of each server that has stopped accepting, until its last connection is gone. */
  private readonly stopping = new Map<Generation, Promise<void>>();
  private newest: Generation;
  /** A certificate has changed that no server has yet. */
  private isDue = false;
  /** Armed after a failure. */
  private readonly retry: Retry;
  private isFailing = false;
  private isStopped = false;

  constructor(first: Stoppable, parts: GenerationParts) {
    this.parts = parts;
    this.newest = new Generation(first, () => undefined);
    this.listening.push(this.newest);
    this.retry = new Retry(() => this.renew());
  }

  /**
   * Starts a server with the present certificate. A failure is reported as a bug, once, and tried again until a server
   * starts: the process may be short of descriptors.
   */
  renew(): void {
    if (this.isStopped) return;
    this.isDue = this.listening.length >= listeningMax;
    if (this.isDue) return;
    const { next, wheel, graceMs, bug } = this.parts;
    try {
      const former = this.newest;
      this.newest = new Generation(next(), () => undefined);
      this.listening.push(this.newest);
      this.steer();
      former.retire = () => this.retire(former);
      // One tick more: a deadline is precise to a tick.
      wheel.arm(former, graceMs + wheel.tickMs);
      wheel.disarm(this.retry);
      this.isFailing = false;
    } catch (error) {
      wheel.arm(this.retry, retryMs);
      if (!this.isFailing) bug(error);
      this.isFailing = true;
    }
  }

  /** Stops accepting; connections stay. */
  stopAccepting(): void {
    this.isStopped = true;
    this.parts.wheel.disarm(this.retry);
    for (const generation of this.listening.splice(0)) {
      this.parts.wheel.disarm(generation);
      this.stop(generation);
    }
  }

  /** Ends every connection; call `stopAccepting` first. Resolves when all are gone. */
  async end(): Promise<void> {
    await Promise.all(
      Array.from(this.stopping, async ([{ server }, stopped]) => {
        await server.stop(true);
        await stopped;
      }),
    );
  }

  private retire(former: Generation): void {
    const at = this.listening.indexOf(former);
    const last = this.listening.pop();
    if (last !== undefined && last !== former) this.listening[at] = last;
    this.stop(former);
    this.steer();
    if (this.isDue) this.renew();
  }

  private stop(generation: Generation): void {
    const stopped = generation.server.stop(false).finally(() => this.stopping.delete(generation));
    this.stopping.set(generation, stopped);
  }

  /** Sends new connections to the newest server. */
  private steer(): void {
    const { isAlone, port, bug } = this.parts;
    if (!isAlone) return;
    const steered = async (): Promise<void> => {
      const finder = await SocketFinder.open();
      if (!this.isStopped) finder?.steer(port, this.listening.indexOf(this.newest));
    };
    steered().catch(bug);
  }
}

/** One server; its deadline is when it stops accepting. */
class Generation extends Deadline {
  readonly server: Stoppable;
  retire: () => void;

  constructor(server: Stoppable, retire: () => void) {
    super();
    this.server = server;
    this.retire = retire;
  }

  override expire(): void {
    this.retire();
  }
}

class Retry extends Deadline {
  private readonly renew: () => void;

  constructor(renew: () => void) {
    super();
    this.renew = renew;
  }

  override expire(): void {
    this.renew();
  }
}
