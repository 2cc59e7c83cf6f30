// Requests that a WebSocket listener answers itself, because they ask for no WebSocket: for files, for example. Their
// sockets are none of those that have sent no request, which unseen-watch.ts ends.

import type { SeenConnection } from "./unseen-watch.ts";

/** What a listener answers besides. */
export interface Pages {
  /** The longest body of a request. */
  readonly bodyBytesMax: number;
  /** Returns undefined for a request that is not for it. Never rejects. */
  readonly answer: (request: Request) => Promise<Response> | undefined;
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
   * Answers a request, or returns undefined for one that is not for these pages. `peer`: its socket's, `host:port`;
   * `pending`: how many requests the platform is answering.
   */
  answer(request: Request, peer: string, peerPort: number, pending: number): Promise<Response> | Response | undefined {
    if (pending > pendingMax)
      return new Response("Too many requests at once; try again soon.\n", {
        status: 503,
        headers: { "retry-after": "5", connection: "close" },
      });
    const answer = this.pages.answer(request);
    if (answer === undefined) return undefined;
    this.known.delete(peer);
    const [oldest] = this.known.keys();
    if (this.known.size >= knownMax && oldest !== undefined) this.known.delete(oldest);
    this.known.set(peer, { peer, peerPort, isUnidentified: false, sentTooMuch: () => undefined });
    request.signal.addEventListener("abort", () => this.known.delete(peer), { once: true });
    // A socket without a request is none of this listener's clients.
    return answer.then((response) => {
      response.headers.set("connection", "close");
      return response;
    });
  }
}
