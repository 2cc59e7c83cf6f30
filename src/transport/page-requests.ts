// Requests that a WebSocket listener answers itself, because they ask for no WebSocket: for files, for example. Their
// sockets are none of those that have sent no request, which unseen-watch.ts ends.

import { formatAddress } from "./address.ts";
import type { SeenConnection } from "./unseen-watch.ts";

/** What a listener answers besides. */
export interface Pages {
  /** The longest body of a request. */
  readonly bodyBytesMax: number;
  /**
   * Returns undefined for a request that is not for it. Never rejects. `remoteAddress`: of the socket, whatever proxies
   * say.
   */
  readonly answer: (request: Request, remoteAddress: string) => Promise<Response> | undefined;
}

/** All of these as one: the first that a request is for answers it. Undefined: there are none. */
export function joinedPages(pages: readonly (Pages | undefined)[]): Pages | undefined {
  const given = pages.filter((each) => each !== undefined);
  if (given.length === 0) return undefined;
  return {
    bodyBytesMax: Math.max(...given.map(({ bodyBytesMax }) => bodyBytesMax)),
    answer(request, remoteAddress) {
      for (const each of given) {
        const answer = each.answer(request, remoteAddress);
        if (answer !== undefined) return answer;
      }
      return undefined;
    },
  };
}

/** Requests that are answered at a time; others are asked to come again. */
const pendingMax = 256;
/**
 * The platform tells of a request's end only if it fails. So the sockets of the newest requests count as known: one
 * that takes longer than so many others may be ended, if sockets are many, and its peer continues where it was.
 */
const knownMax = 1_024;

export class PageRequests {
  private readonly pages: Pages;
  /** By peer. */
  private readonly known = new Map<string, SeenConnection>();

  constructor(pages: Pages) {
    this.pages = pages;
  }

  get size(): number {
    return this.known.size;
  }

  all(): Iterable<SeenConnection> {
    return this.known.values();
  }

  /**
   * Answers a request, or returns undefined for one that is not for these pages. `remoteAddress` and `remotePort`: of
   * its socket; `pending`: how many requests the platform is answering.
   */
  answer(
    request: Request,
    remoteAddress: string,
    remotePort: number,
    pending: number,
  ): Promise<Response> | Response | undefined {
    if (pending > pendingMax)
      return new Response("Too many requests at once; try again soon.\n", {
        status: 503,
        headers: { "retry-after": "5", connection: "close" },
      });
    const answer = this.pages.answer(request, remoteAddress);
    if (answer === undefined) return undefined;
    const peer = formatAddress(remoteAddress, remotePort);
    this.known.delete(peer);
    const [oldest] = this.known.keys();
    if (this.known.size >= knownMax && oldest !== undefined) this.known.delete(oldest);
    this.known.set(peer, { peer, peerPort: remotePort, isUnidentified: false, sentTooMuch: () => undefined });
    request.signal.addEventListener("abort", () => this.known.delete(peer), { once: true });
    // A socket without a request is none of this listener's clients.
    return answer.then((response) => {
      response.headers.set("connection", "close");
      return response;
    });
  }
}
