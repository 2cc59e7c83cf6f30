// The listener of the API: HTTP for back ends. Bun reads requests, and refuses those whose length two servers could
// read differently (two lengths, a length and chunks), before anything here sees them.

import type { TimerWheel } from "../base/timer-wheel.ts";
import { sleep } from "../base/timers.ts";
import type { Metrics } from "../observe/metrics.ts";
import { formatAddress, type SocketAddress } from "../transport/address.ts";
import { Generations } from "../transport/tls/generations.ts";
import type { TlsContext } from "../transport/tls/tls-context.ts";
import type { ApiParts } from "./api-parts.ts";
import { Descriptions } from "./description/descriptions.ts";
import { Rpc } from "./rpc.ts";
import { methodsOf } from "./services.ts";
import { SystemAccounts } from "./system-accounts.ts";

/** A connection without traffic is closed after this long, in seconds: longer than clients keep one for reuse. */
const idleSeconds = 75;
/** From a renewed certificate to the end of connections that have sent no request with the old one. */
const graceMs = 10_000;
/** Longer bodies than the API's are for what `pages` serves; each bounds its own. */
const bodyBytesMax = 64 * 1024 * 1024 * 1024;
const answerCheckMs = 5;
/**
 * The platform makes a request's URL of its Host, which it does not check: with a slash in it, a part of it would be
 * taken for the path, by which a proxy in front may decide.
 */
const hosts = /^(?:[\w.-]+|\[[\da-f:.]+\])?(?::\d{1,5})?$/i;
/** The time in which clients that keep connections are told to leave, at most. */
const leaveMsMax = 1_000;

/** Serves what is no method: the documentation, files. Undefined: the path is not its own. */
type Page = (request: Request, path: string, server: Bun.Server<unknown>) => Response | Promise<Response> | undefined;

interface ApiListenerParts {
  readonly api: Omit<ApiParts, "system">;
  readonly pages?: readonly Page[];
  /** The server's, for the descriptions of the API. */
  readonly version: string;
  readonly metrics: Pick<Metrics, "bugs" | "apiAnswers">;
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
  const { metrics, tls, wheel } = parts;
  const { bugs } = metrics;
  const api: ApiParts = { ...parts.api, system: new SystemAccounts(parts.api.store) };
  const descriptions = new Descriptions(parts.version);
  const pages: readonly Page[] = [(request, path) => descriptions.answer(request, path), ...(parts.pages ?? [])];
  const rpc = new Rpc(api, methodsOf(api), metrics);
  const answer = (request: Request, server: Bun.Server<unknown>): Response | Promise<Response> => {
    if (!hosts.test(request.headers.get("host") ?? "")) return rpc.badHost(request);
    const path = pathOf(request.url);
    const answering = rpc.answer(request, path);
    if (answering !== undefined) return answering;
    for (const page of pages) {
      const shown = page(request, path, server);
      if (shown !== undefined) return shown;
    }
    return rpc.unknown(request, path);
  };
  const serve = (port: number): Bun.Server<unknown> =>
    Bun.serve({
      hostname: address.host,
      port,
      ...(tls === undefined ? {} : { reusePort: true, tls: tls.settings }),
      // Otherwise the answer to an error would contain source code.
      development: false,
      idleTimeout: idleSeconds,
      maxRequestBodySize: bodyBytesMax,
      fetch: answer,
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
  const endRenewal = tls?.onRenewal(() => generations.renew());
  return {
    address: formatAddress(address.host, port),
    async stop(answerMsMax) {
      endRenewal?.();
      const { clock, timers } = api;
      const beganMs = clock.monotonicMs();
      const passed = (ms: number): boolean => clock.monotonicMs() - beganMs >= ms;
      rpc.close();
      // When it stops accepting, the platform ends idle connections, on which a request may be on its way.
      while (!rpc.isQuiet && !passed(Math.min(answerMsMax, leaveMsMax))) await sleep(timers, answerCheckMs);
      generations.stopAccepting();
      while (rpc.underWay > 0 && !passed(answerMsMax)) await sleep(timers, answerCheckMs);
      await generations.end();
    },
  };
}

/** The path of an absolute URL, without its query. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.indexOf("?", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
