// The domain's records, read from the registry's table. The zone shows only UP instances of this node's env; a service
// whose instances are all WAITING still exists, and its answer is "no data", not "no such name" (RFC 2308).
//
// Findings are cached by the revision of their service, so that a change costs only look-ups of what has changed. A
// large service is read at most a few times per TTL, however often it changes. If it has more endpoints than an answer
// may have, they are drawn at random, again a few times per TTL. A change of another service that affects a finding, by
// an instance with the same id, appears after a quarter of the TTL at the latest.

import type { Clock } from "../../base/clock.ts";
import { GenerationCache } from "../../base/generation-cache.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Random } from "../../base/random.ts";
import type { NamedDirectory } from "../directory.ts";
import { discoveryAppid, type Instance, Status } from "../instance.ts";
import { asciiLower, type NameKind } from "../name-index.ts";
import { drawn } from "./drawn.ts";
import { addressesOf } from "./endpoint.ts";
import { type Finding, found } from "./finding.ts";
import { InstanceRecords, ofType } from "./instance-records.ts";
import { type DnsName, parseName } from "./names.ts";
import { type NodeView, NodeViews } from "./node-views.ts";
import { Rcode, RecordType } from "./query.ts";
import { authorityRecord, isHostName, nameServerRecord, type ResourceRecord } from "./record.ts";
import { ServiceView } from "./service-view.ts";
import { WeightedCache } from "./weighted-cache.ts";

/** Leaves room for the longest label before the domain, and its dots. */
const domainCharactersMax = 200;
/** The approximate memory of cached records, and of one record beside its text, in bytes. */
const keptBytesMax = 32 * 1024 * 1024;
const recordBytes = 400;
/** Services whose instances are cached. */
const servicesKeptMax = 4_096;
/** The shortest life of expensive results. */
const restMsMin = 250;

/** The record types of services. */
const serviceTypes: ReadonlySet<number> = new Set([
  RecordType.SRV,
  RecordType.A,
  RecordType.AAAA,
  RecordType.TXT,
  RecordType.ANY,
]);
export interface DnsZoneOptions {
  /** In any case, with or without a final dot. */
  readonly domain: string;
  readonly env: string;
  /** How long positive and negative answers may be cached: whole seconds. */
  readonly ttlSeconds: number;
  readonly directory: NamedDirectory;
  /** The name server's address while the table lists no node of the registry; undefined if it listens on all. */
  readonly ownAddress: string | undefined;
  /** Orders the answers, and draws them if there are too many. */
  readonly random: Random;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly limits: Limits;
}

const refused: Finding = { rcode: Rcode.Refused, answers: [], authorities: [] };
const failed: Finding = { rcode: Rcode.ServFail, answers: [], authorities: [] };

export class DnsZone {
  /** In lower case, without the final dot. */
  readonly domain: string;
  private readonly domainLabels: readonly string[];
  /** The life of expensive or drawn results: a quarter of the TTL. */
  readonly restMs: number;
  private readonly options: DnsZoneOptions;
  private readonly services = new GenerationCache<ServiceView>(servicesKeptMax);
  private readonly nodes: NodeViews;
  private readonly records: InstanceRecords;
  private readonly findings = new WeightedCache<KeptFinding>(keptBytesMax);
  private views = 0;
  /** Negative answers, which depend on the table's version alone. */
  private negatives = { version: -1, findings: new Map<Rcode, Finding>() };
  private nameServers: { readonly serial: number; readonly addresses: readonly string[] } | undefined;

  /** Throws if the domain is invalid or the TTL out of bounds (RFC 2181, 8). */
  constructor(options: DnsZoneOptions) {
    const { domain, ttlSeconds } = options;
    this.options = options;
    this.domain = asciiLower(domain).replace(/\.$/, "");
    if (!isHostName(this.domain) || this.domain.length > domainCharactersMax)
      throw new Error(`${JSON.stringify(domain)} is not a domain of at most ${domainCharactersMax} characters`);
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds >= 2 ** 31)
      throw new Error(`a TTL of ${ttlSeconds} is not a whole number of seconds below 2^31`);
    this.domainLabels = this.domain.split(".");
    this.restMs = Math.max(restMsMin, ttlSeconds * 250);
    this.nodes = new NodeViews({ ...options, domain: this.domain });
    this.records = new InstanceRecords({ ...options, domain: this.domain, nodes: this.nodes });
  }

  /** Looks up a name (labels unchanged, leftmost first) and a type. The order of answers is random, and cached. */
  find(labels: readonly string[], type: number): Finding {
    const below = this.labelsBelow(labels);
    if (below === undefined || type === RecordType.AXFR || type === RecordType.IXFR) return refused;
    if (!this.options.directory.isReadable) return failed;
    const name = parseName(below);
    const records = this.recordsOf(name, asciiLower(labels.join(".")), type);
    if (records === undefined) return this.negative(Rcode.NxDomain);
    return records.rcode === Rcode.NoError && records.answers.length === 0 ? this.negative(Rcode.NoError) : records;
  }

  /** Returns the addresses of a target that `find` has returned; none for names outside of the domain. */
  glue(target: string): readonly ResourceRecord[] {
    const { domain } = this;
    if (target === this.nameServerName) return this.records.addresses(target, this.nameServerAddresses());
    if (!target.endsWith(`.${domain}`)) return [];
    const name = parseName(target.slice(0, -domain.length - 1).split("."));
    if (name.kind === "address") return this.records.addresses(target, [name.address]);
    return name.kind === "node" ? this.nodes.of(name.id).records : [];
  }

  private get nameServerName(): string {
    return `ns.${this.domain}`;
  }

  /** Returns the labels to the left of the domain, or undefined for a name outside of it. */
  private labelsBelow(labels: readonly string[]): readonly string[] | undefined {
    const { domainLabels } = this;
    const start = labels.length - domainLabels.length;
    if (start < 0) return undefined;
    const isBelow = domainLabels.every((label, index) => asciiLower(labels[start + index] ?? "") === label);
    return isBelow ? labels.slice(0, start) : undefined;
  }

  /** Returns "no such name" or "no data", with the SOA so that it can be cached. */
  private negative(rcode: Rcode): Finding {
    const { version } = this.options.directory;
    if (this.negatives.version !== version) this.negatives = { version, findings: new Map() };
    const { findings } = this.negatives;
    return findings.getOrInsertComputed(rcode, () => ({ rcode, answers: [], authorities: [this.authority()] }));
  }

  private authority(): ResourceRecord {
    const { ttlSeconds, directory } = this.options;
    return authorityRecord(this.domain, ttlSeconds, this.nameServerName, directory.version);
  }

  /** Returns undefined if the name does not exist. */
  private recordsOf(name: DnsName, owner: string, type: number): Finding | undefined {
    switch (name.kind) {
      case "none":
        return undefined;
      case "ancestor":
        return found([]);
      case "zone":
        return this.emptyIf(this.isBranch("zone", name.zone));
      case "apex":
        return found(ofType(type, (wanted) => this.apexRecords(wanted)));
      case "name-server":
        return found(ofType(type, (wanted) => this.records.ofAddresses(owner, wanted, this.nameServerAddresses())));
      case "address":
        return found(ofType(type, (wanted) => this.records.ofAddresses(owner, wanted, [name.address])));
      case "node": {
        const node = this.nodes.of(name.id);
        if (node.instances.length === 0) return this.emptyIf(node.exists || this.isBranch("id", name.id));
        return this.ofNode(node, owner, type);
      }
      case "service": {
        const { protocol, zone } = name;
        const view = this.service(name.service);
        const instances = view?.covering(zone, protocol);
        if (view === undefined || instances === undefined)
          return this.emptyIf(protocol === undefined && this.isBranch("service", name.service));
        return this.ofService(view, instances, owner, type, protocol);
      }
    }
  }

  private isBranch(kind: NameKind, name: string): boolean {
    const { directory, env } = this.options;
    return directory.isBranch(env, kind, name);
  }

  /** Returns "no data" or "no such name". */
  private emptyIf(exists: boolean): Finding | undefined {
    return exists ? found([]) : undefined;
  }

  /** Looks up an id, cached while nothing with the id changes. An alias answers all types. */
  private ofNode(node: NodeView, owner: string, type: number): Finding {
    if (node.alias !== undefined) return node.alias;
    let finding = node.findings.get(type);
    if (finding === undefined) {
      finding = this.shuffled(ofType(type, (wanted) => this.records.of(owner, wanted, node.instances, undefined)));
      // Other types, of which there are many, have no records.
      if (finding.answers.length > 0) node.findings.set(type, finding);
    }
    return finding;
  }

  /** Looks up a service, or a part of it. */
  private ofService(
    view: ServiceView,
    instances: readonly Instance[],
    owner: string,
    type: number,
    protocol: string | undefined,
  ): Finding {
    if (instances.length === 0 || !serviceTypes.has(type)) return found([]);
    const { clock, directory, limits } = this.options;
    const key = `${type} ${owner} ${view.appid}`;
    const known = this.findings.get(key);
    const nowMs = clock.monotonicMs();
    if (known !== undefined && known.serial === view.serial) {
      // While nothing has changed, only drawn records are drawn again.
      const isUnchanged = known.version === directory.version && !known.isDrawn;
      if (isUnchanged || nowMs - known.atMs < this.restMs) return known.finding;
    }
    const isDrawn = instances.length > limits.values.dnsRecords;
    const finding = this.shuffled(
      ofType(type, (wanted) => {
        const from = isDrawn ? drawn([...instances], this.options.random) : instances;
        return this.records.of(owner, wanted, from, protocol);
      }),
    );
    const weight = finding.answers.reduce((sum, { textBytes }) => sum + recordBytes + textBytes, recordBytes);
    const { serial } = view;
    this.findings.set(key, { finding, serial, version: directory.version, atMs: nowMs, isDrawn }, weight);
    return finding;
  }

  private shuffled(records: ResourceRecord[]): Finding {
    return found([...drawn(records, this.options.random)]);
  }

  private apexRecords(type: number): ResourceRecord[] {
    if (type === RecordType.SOA) return [this.authority()];
    if (type !== RecordType.NS) return [];
    return [nameServerRecord(this.domain, this.options.ttlSeconds, this.nameServerName)];
  }

  private nameServerAddresses(): readonly string[] {
    const { ownAddress, limits } = this.options;
    const view = this.viewOf(discoveryAppid);
    if (this.nameServers?.serial !== view.serial) {
      const listed = new Set<string>();
      for (const node of view.covering(undefined, undefined) ?? []) {
        for (const address of addressesOf(node)) listed.add(address);
        if (listed.size >= limits.values.dnsRecords) break;
      }
      this.nameServers = { serial: view.serial, addresses: [...listed].slice(0, limits.values.dnsRecords) };
    }
    const { addresses } = this.nameServers;
    if (addresses.length > 0) return addresses;
    return ownAddress === undefined ? [] : [ownAddress];
  }

  /** Returns the view of a service, its name compared unchanged, then in lower case; undefined if it does not exist. */
  private service(word: string): ServiceView | undefined {
    const { directory, env } = this.options;
    const appid = directory.serviceNamed(env, word);
    return appid === undefined ? undefined : this.viewOf(appid);
  }

  private viewOf(appid: string): ServiceView {
    const { directory, env, limits, clock } = this.options;
    const known = this.services.get(appid);
    const revision = directory.revisionOf(env, appid);
    if (known !== undefined) {
      const isResting = known.size > limits.values.dnsRecords && clock.monotonicMs() - known.madeAtMs < this.restMs;
      if (known.revision === revision || isResting) return known;
    }
    const made = { revision, atMs: clock.monotonicMs(), serial: ++this.views };
    const view = new ServiceView(appid, directory.instances(env, appid, Status.Any), made);
    this.services.set(appid, view);
    return view;
  }
}

/** A cached finding of a view. */
interface KeptFinding {
  readonly finding: Finding;
  readonly serial: number;
  readonly version: number;
  readonly atMs: number;
  /** True if the finding is a random choice among more records. */
  readonly isDrawn: boolean;
}
