// The gateways for clients, in the order of choice. They are read once per change, not per lookup, because anybody may
// look up at any rate.

import type { Clock } from "../../base/clock.ts";
import type { Directory, NamedDirectory } from "../directory.ts";
import { gatewayServices } from "./gateway-services.ts";
import { goneIn } from "./gone-gateways.ts";
import { type Instance, Status } from "../instance.ts";

/** Services whose nodes have links to every gateway and report broken ones. */
const linkedServices = ["login", "chat"] as const;
/** The list is read again after this time even if unchanged, because admission depends on time. */
const keptMs = 1_000;

/** Distinct public URLs, ordered by the bytes of the gateways' ids, then of the URLs. */
interface Urls {
  readonly all: readonly string[];
  /** By `tag.IDC`. */
  readonly byIdc: ReadonlyMap<string, readonly string[]>;
}

/** The result of one reading. */
interface Kept {
  readonly revisions: readonly number[];
  readonly readAtMs: number;
  readonly gateways: readonly Instance[];
  /** The ids of gateways whose links have broken, as linked nodes report. */
  readonly gone: ReadonlySet<string>;
  /** All existing schemes. */
  readonly schemes: ReadonlySet<string>;
  /** By the requested schemes among the existing ones; '' for all. */
  readonly views: Map<string, Urls>;
}

export class PublicGateways {
  private readonly parts: {
    /** The list of instances. */
    readonly directory: Pick<Directory, "instances">;
    readonly revisions: Pick<NamedDirectory, "revisionOf">;
    readonly env: string;
    readonly clock: Pick<Clock, "monotonicMs">;
  };
  private kept: Kept | undefined;

  constructor(parts: PublicGateways["parts"]) {
    this.parts = parts;
  }

  /**
   * Returns the URLs of the gateways in an IDC if there are any, else of all; with `schemes`, only those with one of
   * them. Leaving gateways count if no other is up, and those with broken links if there is nothing else.
   */
  urls(idc: string | undefined, schemes?: ReadonlySet<string>): readonly string[] {
    const { all, byIdc } = this.view(schemes);
    return (idc === undefined ? undefined : byIdc.get(idc)) ?? all;
  }

  private view(asked: ReadonlySet<string> | undefined): Urls {
    const { gateways, gone, schemes, views } = this.read();
    const wanted = asked && [...schemes].filter((scheme) => asked.has(scheme));
    const key = wanted === undefined ? "" : `of ${wanted.join(",")}`;
    return views.getOrInsertComputed(key, () => {
      const fitting = gateways.filter(({ metadata }) => wanted === undefined || wanted.includes(schemeOf(metadata)));
      return sorted(preferred(fitting, gone));
    });
  }

  private read(): Kept {
    const { directory, revisions, env, clock } = this.parts;
    const now = gatewayServices.map((appid) => revisions.revisionOf(env, appid));
    const nowMs = clock.monotonicMs();
    const { kept } = this;
    const isCurrent = kept?.revisions.every((revision, at) => revision === now[at]) === true;
    if (kept !== undefined && isCurrent && nowMs - kept.readAtMs < keptMs) return kept;
    const listed = (appid: string): Instance[] => directory.instances(env, appid, Status.Up);
    const gateways = gatewayServices.flatMap(listed).filter(({ metadata }) => urlOf(metadata) !== "");
    const gone = new Set(linkedServices.flatMap(listed).flatMap(({ metadata }) => goneIn(metadata)));
    const schemes = new Set(gateways.map(({ metadata }) => schemeOf(metadata)));
    return (this.kept = { revisions: now, readAtMs: nowMs, gateways, gone, schemes, views: new Map() });
  }
}

function preferred(gateways: readonly Instance[], gone: ReadonlySet<string>): readonly Instance[] {
  const linked = gateways.filter(({ hostname }) => !gone.has(hostname));
  const staying = linked.filter(({ metadata }) => metadata.get("state") !== "leaving");
  if (staying.length > 0) return staying;
  return linked.length > 0 ? linked : gateways;
}

function sorted(gateways: readonly Instance[]): Urls {
  const keyed = gateways.map(({ hostname, metadata }) => {
    const url = urlOf(metadata);
    return { url, idc: metadata.get("tag.IDC"), id: Buffer.from(hostname), urlBytes: Buffer.from(url) };
  });
  keyed.sort((one, other) => one.id.compare(other.id) || one.urlBytes.compare(other.urlBytes));
  const all = new Set<string>();
  const byIdc = new Map<string, Set<string>>();
  for (const { url, idc } of keyed) {
    all.add(url);
    if (idc !== undefined) byIdc.getOrInsertComputed(idc, () => new Set()).add(url);
  }
  return { all: [...all], byIdc: new Map([...byIdc].map(([idc, urls]) => [idc, [...urls]])) };
}

function urlOf(metadata: ReadonlyMap<string, string>): string {
  return metadata.get("domain")?.trim() ?? "";
}

/** Returns `wss` for `wss://…`, '' for an address without a scheme. */
function schemeOf(metadata: ReadonlyMap<string, string>): string {
  return /^([a-z][a-z0-9+.-]{0,15}):\/\//i.exec(urlOf(metadata))?.[1]?.toLowerCase() ?? "";
}
