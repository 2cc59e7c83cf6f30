// The gateways that clients may be told of, in the order by which they are chosen. Read once a change of theirs, and not once
// a lookup: anybody may look up, as often as he likes.

import type { Clock } from "../base/clock.ts";
import type { Directory, NamedDirectory } from "./directory.ts";
import { type Instance, Status } from "./instance.ts";

/** The services that clients connect to, by WebSocket and by TCP. */
const gatewayServices = ["wgateway", "tgateway"] as const;
/** Read anew after this long, changed or not: which instances are believed depends on the time, too. */
const keptMs = 1_000;

/** Public URLs, each once, in the order of the gateways' ids (as bytes); of one id, of the URLs. */
interface Urls {
  readonly all: readonly string[];
  /** By `tag.IDC`. */
  readonly byIdc: ReadonlyMap<string, readonly string[]>;
}

export class PublicGateways {
  private readonly parts: {
    /** Where they are listed. */
    readonly directory: Pick<Directory, "instances">;
    readonly revisions: Pick<NamedDirectory, "revisionOf">;
    readonly env: string;
    readonly clock: Pick<Clock, "monotonicMs">;
  };
  private kept: { readonly revisions: readonly number[]; readonly readAtMs: number; readonly urls: Urls } | undefined;

  constructor(parts: PublicGateways["parts"]) {
    this.parts = parts;
  }

  /** The URLs of the gateways in an IDC, if there are any; else of all. Those that are leaving count if no other is up. */
  urls(idc: string | undefined): readonly string[] {
    const { all, byIdc } = this.read();
    return (idc === undefined ? undefined : byIdc.get(idc)) ?? all;
  }

  private read(): Urls {
    const { directory, revisions, env, clock } = this.parts;
    const now = gatewayServices.map((appid) => revisions.revisionOf(env, appid));
    const nowMs = clock.monotonicMs();
    const { kept } = this;
    const isCurrent = kept?.revisions.every((revision, at) => revision === now[at]) === true;
    if (kept !== undefined && isCurrent && nowMs - kept.readAtMs < keptMs) return kept.urls;
    const gateways = gatewayServices
      .flatMap((appid) => directory.instances(env, appid, Status.Up))
      .filter(({ metadata }) => urlOf(metadata) !== "");
    const staying = gateways.filter(({ metadata }) => metadata.get("state") !== "leaving");
    const urls = sorted(staying.length > 0 ? staying : gateways);
    this.kept = { revisions: now, readAtMs: nowMs, urls };
    return urls;
  }
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
    if (idc === undefined) continue;
    const ofIdc = byIdc.get(idc) ?? new Set<string>();
    byIdc.set(idc, ofIdc.add(url));
  }
  return { all: [...all], byIdc: new Map([...byIdc].map(([idc, urls]) => [idc, [...urls]])) };
}

function urlOf(metadata: ReadonlyMap<string, string>): string {
  return metadata.get("domain")?.trim() ?? "";
}
