// What the API answers: its methods, its descriptions, and the pages of others. Loaded with the first request.

import type { Metrics } from "../observe/metrics.ts";
import type { ApiParts } from "./api-parts.ts";
import { Descriptions } from "./description/descriptions.ts";
import type { KnownPeers } from "./known-peers.ts";
import type { OpenRequests } from "./open-requests.ts";
import { Rpc } from "./rpc.ts";
import { methodsOf } from "./services.ts";
import { SystemAccounts } from "./system-accounts.ts";

/**
 * The platform makes a request's URL of its Host, which it does not check: with a slash in it, a part of it would be
 * taken for the path, by which a proxy in front may decide.
 */
const hosts = /^(?:[\w.-]+|\[[\da-f:.]+\])?(?::\d{1,5})?$/i;

/**
 * Serves what is no method: files. Undefined: the path is not its own. It calls `admitted` when the request has shown
 * that it may be served, before it reads its body.
 */
type Page = (request: Request, admitted: () => void) => Promise<Response> | undefined;

export interface AnswerParts {
  readonly api: Omit<ApiParts, "system">;
  readonly pages?: readonly Page[];
  /** The server's, for the descriptions of the API. */
  readonly version: string;
  readonly metrics: Pick<Metrics, "bugs" | "apiAnswers">;
}

export class ApiAnswers {
  private readonly rpc: Rpc;
  private readonly descriptions: Descriptions;
  private readonly pages: readonly Page[];
  private readonly peers: KnownPeers;

  constructor({ api, pages = [], version, metrics }: AnswerParts, requests: OpenRequests, peers: KnownPeers) {
    const parts: ApiParts = { ...api, system: new SystemAccounts(api.store) };
    this.descriptions = new Descriptions(version);
    this.pages = pages;
    this.peers = peers;
    this.rpc = new Rpc(parts, methodsOf(parts), metrics, requests);
  }

  answer(request: Request, server: Bun.Server<unknown>): Response | Promise<Response> {
    if (!hosts.test(request.headers.get("host") ?? "")) return this.rpc.badHost(request);
    const path = pathOf(request.url);
    const admitted = (): void => this.peers.add(request, server);
    const answering = this.rpc.answer(request, path, admitted) ?? this.descriptions.answer(request, path);
    if (answering !== undefined) return answering;
    for (const page of this.pages) {
      const shown = page(request, admitted);
      if (shown !== undefined) return shown;
    }
    return this.rpc.unknown(request, path);
  }
}

/** The path of an absolute URL, without its query. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const end = url.indexOf("?", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
