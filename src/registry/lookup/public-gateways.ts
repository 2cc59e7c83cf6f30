// The gateways that clients may be told of, in the order by which they are chosen. Read once a change of theirs, and
// not once a lookup: anybody may look up, as often as he likes.

import type { Clock } from "../../base/clock.ts";
import type { Directory, NamedDirectory } from "../directory.ts";
import { gatewayServices } from "./gateway-services.ts";
import { goneIn } from "./gone-gateways.ts";
import { type Instance, Status } from "../instance.ts";

/** The services whose nodes are linked to every gateway, and say which of those links have broken. */
const linkedServices = ["login", "chat"] as const;
/** Read anew after this long, changed or not: which instances are believed depends on the time, too. */
const keptMs = 1_000;

/** Public URLs, each once, in the order of the gateways' ids (as bytes); of one id, of the URLs. */
interface Urls {
  readonly all: readonly string[];
  /** By `tag.IDC`. */
  readonly byIdc: ReadonlyMap<string, readonly string[]>;
}

/** One reading. */
interface Kept {
  readonly revisions: readonly number[];
  readonly readAtMs: number;
  readonly gateways: readonly Instance[];
  /** The ids of those whose links have broken, as a node says that was linked to them. */
  readonly gone: ReadonlySet<string>;
  /** All schemes that there are. */
  readonly schemes: ReadonlySet<string>;
  /** By the schemes that were asked for, of those that there are; '' for all. */
  readonly views: Map<string, Urls>;
}

export class PublicGateways {
  private readonly parts: {
    /** Where they are listed. */
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
   * The URLs of the gateways in an IDC, if there are any; else of all. `schemes`: those URLs alone. Gateways that are
   * leaving count if no other is up, and those whose links have broken if there is nothing else.
   */
  urls(idc: string | undefined, schemes?: ReadonlySet<string>): readonly string[] {
    const { all, byIdc } = this.view(schemes);
    return (idc === undefined ? undefined : byIdc.get(idc)) ?? all;
  }

  private view(asked: ReadonlySet<string> | undefined): Urls {
    const { gateways, gone, schemes, views } = this.read();
    const wanted = asked && [...schemes].filter((scheme) => asked.has(scheme));
    const key = wanted === undefined ? "" : `of ${wanted.join(",")}`;
    let view = views.get(key);
    if (view === undefined) {
      const fitting = gateways.filter(({ metadata }) => wanted === undefined || wanted.includes(schemeOf(metadata)));
      view = sorted(preferred(fitting, gone));
      views.set(key, view);
    }
    return view;
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
    if (idc === undefined) continue;
    const ofIdc = byIdc.get(idc) ?? new Set<string>();
    byIdc.set(idc, ofIdc.add(url));
  }
  return { all: [...all], byIdc: new Map([...byIdc].map(([idc, urls]) => [idc, [...urls]])) };
}

function urlOf(metadata: ReadonlyMap<string, string>): string {
  return metadata.get("domain")?.trim() ?? "";
}

/** `wss` of `wss://…`; '' of an address without one. */
function schemeOf(metadata: ReadonlyMap<string, string>): string {
  return /^([a-z][a-z0-9+.-]{0,15}):\/\//i.exec(urlOf(metadata))?.[1]?.toLowerCase() ?? "";
}
