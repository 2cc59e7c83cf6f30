// The registry's table as a DNS server: UDP and TCP on one port. responder.ts creates the answers; a peer's input can
// only end its own connection.

import type { udp } from "bun";
import { isIP } from "node:net";
import { systemClock } from "../../base/clock.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { seededRandom, systemRandom } from "../../base/random.ts";
import type { ContainedBugs } from "../../observe/contained-bugs.ts";
import { formatAddress, plainAddress, type SocketAddress } from "../../transport/address.ts";
import type { NamedDirectory } from "../directory.ts";
import { AnswerRate } from "./answer-rate.ts";
import { type DnsMetrics, type DnsTransport, Responder } from "./responder.ts";
import { type DnsTcpListener, type DnsTcpTimes, listenDnsTcp } from "./tcp.ts";
import { DnsZone } from "./zone.ts";

/** How many free UDP ports are tried until one is free for TCP, too. */
const portTriesMax = 10;

export interface DnsOptions {
  /** Port 0 lets the system pick one. */
  readonly address: SocketAddress;
  /** The domain of all answered names. */
  readonly domain: string;
  /** Only instances of this env are visible. */
  readonly env: string;
  /** How long answers may be cached. */
  readonly ttlSeconds: number;
  readonly directory: NamedDirectory;
  readonly log: Log;
  /** Receives bugs. A bug leaves a query unanswered or ends one TCP connection; the registry continues. */
  readonly bugs: ContainedBugs;
  readonly limits: Limits;
  readonly metrics?: DnsMetrics | undefined;
  /** Replaces the time limits for TCP. */
  readonly tcpTimes?: DnsTcpTimes | undefined;
  /** Replaces the limit for UDP. */
  readonly rate?: Pick<AnswerRate, "take">;
}

export interface DnsServer {
  /** `host:port` as bound, for UDP and TCP. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Serves DNS. Rejects if the address cannot be bound, or the domain or TTL is invalid. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const { address, domain, env, ttlSeconds, directory, bugs, limits, metrics } = options;
  const clock = systemClock;
  const random = seededRandom(systemRandom.uint32());
  const isOneAddress = isIP(address.host) !== 0 && address.host !== "0.0.0.0" && address.host !== "::";
  const ownAddress = isOneAddress ? address.host : undefined;
  const zone = new DnsZone({ domain, env, ttlSeconds, directory, ownAddress, random, clock, limits });
  const responder = new Responder({ zone, directory, metrics, random, clock });
  const respond: DnsRespond = (query, how) => {
    try {
      return how === "cut" ? responder.respondCut(query) : responder.respond(query, how);
    } catch (bug) {
      bugs.met("dns", bug, { query: query.toString("hex") });
      return undefined;
    }
  };
  const { socket, listener } = await bindBoth(address, respond, options);
  return {
    address: formatAddress(address.host, listener.port),
    async stop() {
      socket.close();
      listener.stop();
    },
  };
}

/** `cut` asks the requester to use TCP. */
type DnsRespond = (query: Buffer, how: DnsTransport | "cut") => Buffer | undefined;

interface Bound {
  readonly socket: udp.Socket<"buffer">;
  readonly listener: DnsTcpListener;
}

/** Binds both protocols to the same port. */
async function bindBoth(address: SocketAddress, respond: DnsRespond, options: DnsOptions): Promise<Bound> {
  for (let tries = 1; ; tries++) {
    const socket = await bindUdp(address, respond, options);
    try {
      const bound = { host: address.host, port: socket.port };
      return { socket, listener: listenDnsTcp(bound, (query) => respond(query, "tcp"), options) };
    } catch (error) {
      socket.close();
      if (address.port !== 0 || tries === portTriesMax) throw error;
    }
  }
}

function bindUdp(
  address: SocketAddress,
  respond: DnsRespond,
  { log, bugs, limits, metrics, rate: givenRate }: DnsOptions,
): Promise<udp.Socket<"buffer">> {
  const rate = givenRate ?? new AnswerRate(limits.values.dnsAnswersPerSecond, systemRandom.uint32());
  // What the kernel does not accept now is lost, like any datagram; the requester asks again.
  const sent = (socket: udp.Socket<"buffer">, answer: Buffer, port: number, host: string): boolean => {
    try {
      return socket.send(answer, port, host);
    } catch (error) {
      log.debug("a DNS answer could not be sent", { host, port, error: String(error) });
      return false;
    }
  };
  return Bun.udpSocket({
    hostname: address.host,
    port: address.port,
    binaryType: "buffer",
    socket: {
      data(socket, bytes, port, host) {
        try {
          const allowance = rate.take(plainAddress(host), systemClock.monotonicMs());
          if (allowance !== "answer") limits.met("dnsAnswersPerSecond", { address: host });
          if (allowance === "nothing") {
            metrics?.dnsDropped();
            return;
          }
          const answer = respond(bytes, allowance === "cut" ? "cut" : "udp");
          if (answer !== undefined && !sent(socket, answer, port, host)) metrics?.dnsDropped();
        } catch (bug) {
          bugs.met("dns", bug);
        }
      },
      // Linux reports at the next read, for example, that an earlier answer was undeliverable. Without this handler the
      // error would end the process. Bun 1.4.5 passes the error alone, contrary to its types.
      error(...parts: unknown[]) {
        log.debug("the DNS socket failed to read", { error: String(parts.find((part) => part instanceof Error)) });
      },
    },
  });
}
