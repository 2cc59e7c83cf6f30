// The listener of the API: HTTP for back ends. Bun reads requests, and refuses those whose length two servers could
// read differently (two lengths, a length and chunks), before anything here sees them.
//
// Connections that show no valid key are bounded: known-peers.ts.

import type { TimerWheel } from "../base/timer-wheel.ts";
import { sleep } from "../base/timers.ts";
import { formatAddress, type SocketAddress } from "../transport/address.ts";
import { Generations } from "../transport/tls/generations.ts";
import type { TlsContext } from "../transport/tls/tls-context.ts";
import type { AnswerParts } from "./answers.ts";
import { KnownPeers, watchStrangers } from "./known-peers.ts";
import { LateAnswers } from "./late-answers.ts";
import { OpenRequests } from "./open-requests.ts";

/** A connection without traffic is closed after this long, in seconds: longer than clients keep one for reuse. */
const idleSeconds = 75;
/** From a renewed certificate to the end of connections that have sent no request with the old one. */
const graceMs = 10_000;
/** Longer bodies than the API's are for what `pages` serves; each bounds its own. */
const bodyBytesMax = 64 * 1024 * 1024 * 1024;
const answerCheckMs = 5;
/** The time in which clients that keep connections are told to leave, at most. */
const leaveMsMax = 1_000;

interface ApiListenerParts extends AnswerParts {
  /** Connections of other listeners of this process; absent if they are few. */
  readonly otherConnections?: () => number;
  readonly wheel: TimerWheel;
  /** Undefined: HTTP in plain text. */
  readonly tls: TlsContext | undefined;
}

interface ApiListener {
  /** `host:port` as bound. */
  readonly address: string;
  /** Stops accepting, waits at most `answerMsMax` for answers under way, and ends all connections. */
  stop(answerMsMax: number): Promise<void>;
}

/** Listens; throws if the address cannot be bound. */
export function listenApi(address: SocketAddress, parts: ApiListenerParts): ApiListener {
  const { api, metrics, tls, wheel } = parts;
  const { bugs } = metrics;
  const requests = new OpenRequests(api.clock);
  const peers = new KnownPeers();
  const answers = new LateAnswers(async () => {
    const { ApiAnswers } = await import("./answers.ts");
    return new ApiAnswers(parts, requests, peers);
  }, requests);
  const serve = (port: number): Bun.Server<unknown> =>
    Bun.serve({
      hostname: address.host,
      port,
      ...(tls === undefined ? {} : { reusePort: true, tls: tls.settings }),
      // Otherwise the answer to an error would contain source code.
      development: false,
      idleTimeout: idleSeconds,
      maxRequestBodySize: bodyBytesMax,
      fetch: (request, to) => answers.answer(request, to),
      error(bug) {
        bugs.met("http", bug);
        return new Response(null, { status: 500 });
      },
    });
  const server = serve(address.port);
  const port = server.port ?? address.port;
  const generations = new Generations(server, {
    next: () => serve(port),
    port,
    isAlone: true,
    graceMs,
    wheel,
    bug: (bug) => bugs.met("http", bug),
  });
  const strangers = watchStrangers(port, peers, { ...api, others: parts.otherConnections });
  const endRenewal = tls?.onRenewal(() => generations.renew());
  return {
    address: formatAddress(address.host, port),
    async stop(answerMsMax) {
      endRenewal?.();
      strangers.stop();
      const { clock, timers } = api;
      const beganMs = clock.monotonicMs();
      const passed = (ms: number): boolean => clock.monotonicMs() - beganMs >= ms;
      requests.close();
      // When it stops accepting, the platform ends idle connections, on which a request may be on its way.
      while (!requests.isQuiet && !passed(Math.min(answerMsMax, leaveMsMax))) await sleep(timers, answerCheckMs);
      generations.stopAccepting();
      while (requests.underWay > 0 && !passed(answerMsMax)) await sleep(timers, answerCheckMs);
      await answers.settled();
      await generations.end();
    },
  };
}
