// The domain's contents: which records a name has, read from the registry's table. Only UP instances of this node's own env
// are seen; but a service of which all wait still exists, and "no data" is told from "no such name" (RFC 2308).
//
// What was read is kept under the revision of its own service, so that a change costs those alone who ask for what has
// changed. A large service is read at most a few times within a TTL, however often it changes, and of more endpoints than
// an answer may have so many are drawn at random, anew a few times within a TTL. What another service does to a finding,
// by an instance of the same id, shows after a quarter of the TTL at the latest.

import type { Clock } from "../../base/clock.ts";
import { GenerationCache } from "../../base/generation-cache.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Random } from "../../base/random.ts";
import type { NamedDirectory } from "../directory.ts";
import { discoveryAppid, type Instance, Status } from "../instance.ts";
import { drawn } from "./drawn.ts";
import { addressesOf, coversScheme, endpointsOf, weightOf } from "./endpoint.ts";
import type { Finding } from "./finding.ts";
import { asciiLower, type NameKind } from "../name-index.ts";
import { addressLabel, type DnsName, parseName } from "./names.ts";
import { Rcode, RecordType } from "./query.ts";
import {
  addressRecord,
  aliasRecord,
  authorityRecord,
  isHostName,
  nameServerRecord,
  type ResourceRecord,
  serviceRecord,
  textRecord,
} from "./record.ts";
import { messageBytesMax } from "./response-writer.ts";
import { isUp, ServiceView } from "./service-view.ts";
import { WeightedCache } from "./weighted-cache.ts";

/** Leaves room for the longest label that we put before the domain, and its dots. */
const domainCharactersMax = 200;
/** A string of a TXT record (RFC 1035, 3.3). */
const textBytesMax = 255;
/** All strings of one instance's TXT records; what does not fit is left out. */
const textsBytesMax = 16 * 1024;
/** What is kept of records, in bytes, about; a record costs so much beside its text. */
const keptBytesMax = 32 * 1024 * 1024;
const recordBytes = 400;
/** Services and ids of which is kept what was read. */
const servicesKeptMax = 4_096;
const nodesKeptMax = 20_000;
/** Instances under one id that are looked at; an id with more of them, or with more addresses, is no target of SRV. */
const namesakesMax = 64;
const targetAddressesMax = 32;
/** The shortest time for which is kept what is expensive to read. */
const restMsMin = 250;

/** What a service may have records of. */
const serviceTypes: ReadonlySet<number> = new Set([
  RecordType.SRV,
  RecordType.A,
  RecordType.AAAA,
  RecordType.TXT,
  RecordType.ANY,
]);
/** What is asked for with type ANY is answered with the first of these that there is (RFC 8482, 4.1). */
const anyOrder = [RecordType.SOA, RecordType.SRV, RecordType.A, RecordType.AAAA, RecordType.TXT];

export interface DnsZoneOptions {
  /** In any case, with or without a final dot. */
  readonly domain: string;
  readonly env: string;
  /** How long answers may be remembered, and as long that there are none: whole seconds. */
  readonly ttlSeconds: number;
  readonly directory: NamedDirectory;
  /** The name server's address while the table lists no node of the registry; undefined when it listens on all. */
  readonly ownAddress: string | undefined;
  /** Orders the answers, and draws them where there are too many. */
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
  /** What is expensive to read, or drawn, is kept this long: a quarter of the TTL. */
  readonly restMs: number;
  private readonly options: DnsZoneOptions;
  private readonly services = new GenerationCache<ServiceView>(servicesKeptMax);
  private readonly nodes = new GenerationCache<NodeView>(nodesKeptMax);
  private readonly findings = new WeightedCache<KeptFinding>(keptBytesMax);
  private views = 0;
  /** What depends on the table's version alone. */
  private negatives = { version: -1, findings: new Map<Rcode, Finding>() };
  private nameServers: { readonly serial: number; readonly addresses: readonly string[] } | undefined;

  /** @throws when the domain can't be one, or the TTL is out of bounds (RFC 2181, 8). */
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
  }

  /** Answers for a name (labels as they came, leftmost first) and a type; the order of answers is random, and kept. */
  find(labels: readonly string[], type: number): Finding {
    const below = this.labelsBelow(labels);
    if (below === undefined || type === RecordType.AXFR || type === RecordType.IXFR) return refused;
    if (!this.options.directory.isReadable) return failed;
    const name = parseName(below);
    const records = this.recordsOf(name, asciiLower(labels.join(".")), type);
    if (records === undefined) return this.negative(Rcode.NxDomain);
    return records.rcode === Rcode.NoError && records.answers.length === 0 ? this.negative(Rcode.NoError) : records;
  }

  /** The addresses of a target that `find` has given; none for names outside of the domain. */
  glue(target: string): readonly ResourceRecord[] {
    const { domain } = this;
    if (target === this.nameServerName) return this.addressRecords(target, this.nameServerAddresses());
    if (!target.endsWith(`.${domain}`)) return [];
    const name = parseName(target.slice(0, -domain.length - 1).split("."));
    if (name.kind === "address") return this.addressRecords(target, [name.address]);
    return name.kind === "node" ? this.node(name.id).records : [];
  }

  private get nameServerName(): string {
    return `ns.${this.domain}`;
  }

  /** The labels to the left of the domain, or undefined for a name that is not below it. */
  private labelsBelow(labels: readonly string[]): readonly string[] | undefined {
    const { domainLabels } = this;
    const start = labels.length - domainLabels.length;
    if (start < 0) return undefined;
    const isBelow = domainLabels.every((label, index) => asciiLower(labels[start + index] ?? "") === label);
    return isBelow ? labels.slice(0, start) : undefined;
  }

  /** No such name, or no data: with the SOA, so that it can be remembered. */
  private negative(rcode: Rcode): Finding {
    const { version } = this.options.directory;
    if (this.negatives.version !== version) this.negatives = { version, findings: new Map() };
    let finding = this.negatives.findings.get(rcode);
    if (finding === undefined) {
      finding = { rcode, answers: [], authorities: [this.authority()] };
      this.negatives.findings.set(rcode, finding);
    }
    return finding;
  }

  private authority(): ResourceRecord {
    const { ttlSeconds, directory } = this.options;
    return authorityRecord(this.domain, ttlSeconds, this.nameServerName, directory.version);
  }

  /** Undefined when there is no such name. */
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
        return found(ofType(type, (wanted) => this.pick(owner, wanted, this.nameServerAddresses())));
      case "address":
        return found(ofType(type, (wanted) => this.pick(owner, wanted, [name.address])));
      case "node": {
        const node = this.node(name.id);
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

  /** No data of that name, or no such name. */
  private emptyIf(exists: boolean): Finding | undefined {
    return exists ? found([]) : undefined;
  }

  /** What an id has; kept as long as nothing under the id changes. An alias is the answer to all types. */
  private ofNode(node: NodeView, owner: string, type: number): Finding {
    if (node.alias !== undefined) return node.alias;
    let finding = node.findings.get(type);
    if (finding === undefined) {
      finding = this.shuffled(ofType(type, (wanted) => this.instanceRecords(owner, wanted, node.instances, undefined)));
      // Of the other types there is nothing, and they are many.
      if (finding.answers.length > 0) node.findings.set(type, finding);
    }
    return finding;
  }

  /** What a service has, or a part of it. */
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
      // While nothing at all has changed, only what was drawn is drawn anew.
      const isUnchanged = known.version === directory.version && !known.isDrawn;
      if (isUnchanged || nowMs - known.atMs < this.restMs) return known.finding;
    }
    const isDrawn = instances.length > limits.values.dnsRecords;
    const finding = this.shuffled(
      ofType(type, (wanted) => {
        const from = isDrawn ? drawn([...instances], this.options.random) : instances;
        return this.instanceRecords(owner, wanted, from, protocol);
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

  /** The records of a type, as many as an answer may have; `instances` are read as far as that takes. */
  private instanceRecords(
    owner: string,
    type: number,
    instances: Iterable<Instance>,
    protocol: string | undefined,
  ): ResourceRecord[] {
    if (type === RecordType.SRV) return this.serviceRecords(owner, instances, protocol);
    if (type === RecordType.TXT) return this.textRecords(owner, instances);
    if (type !== RecordType.A && type !== RecordType.AAAA) return [];
    const addresses = new Set<string>();
    for (const instance of instances) {
      for (const address of addressesOf(instance, protocol)) {
        if (!isOfType(address, type) || addresses.has(address)) continue;
        if (this.isFull(addresses.size)) return this.addressRecords(owner, [...addresses]);
        addresses.add(address);
      }
    }
    return this.addressRecords(owner, [...addresses]);
  }

  private serviceRecords(owner: string, instances: Iterable<Instance>, protocol: string | undefined): ResourceRecord[] {
    const records = new Map<string, ResourceRecord>();
    for (const instance of instances) {
      const weight = weightOf(instance);
      for (const { scheme, host, port, isAddress } of endpointsOf(instance)) {
        if (port === 0 || !coversScheme(protocol, scheme)) continue;
        const target = isAddress ? this.targetOf(instance, host, port) : host;
        if (!isHostName(target)) continue;
        const key = `${target} ${port}`;
        // The records of a set differ (RFC 2181, 5); of one target and port the first weight counts.
        if (records.has(key)) continue;
        if (this.isFull(records.size)) return [...records.values()];
        records.set(key, serviceRecord(owner, this.options.ttlSeconds, { target, port, weight }));
      }
    }
    return [...records.values()];
  }

  /** True if an answer has as many records as it may have, and there is one more. */
  private isFull(count: number): boolean {
    const { limits } = this.options;
    if (count < limits.values.dnsRecords) return false;
    limits.met("dnsRecords");
    return true;
  }

  /**
   * The name under which an instance's address is found: its own, unless that can't be one, means another thing or has
   * addresses at which nobody answers on this port; else the address's.
   */
  private targetOf(instance: Instance, address: string, port: number): string {
    const name = `${asciiLower(instance.hostname)}.node.${this.domain}`;
    // An id that begins with an underscore reads as a service.
    if (isHostName(name) && !name.startsWith("_")) {
      const onPort = endpointsOf(instance).filter((endpoint) => endpoint.port === port);
      const { addresses, isCrowded } = this.node(instance.hostname);
      if (!isCrowded && addresses.every((other) => onPort.some(({ host }) => host === other))) return name;
    }
    return `${addressLabel(address)}.addr.${this.domain}`;
  }

  private textRecords(owner: string, instances: Iterable<Instance>): ResourceRecord[] {
    const records = new Map<string, ResourceRecord>();
    let bytes = 0;
    for (const instance of instances) {
      for (const text of textsOf(instance)) {
        if (records.has(text)) continue;
        const record = textRecord(owner, this.options.ttlSeconds, text);
        bytes += record.textBytes;
        // What no message has room for is not made.
        if (bytes > messageBytesMax || this.isFull(records.size)) return [...records.values()];
        records.set(text, record);
      }
    }
    return [...records.values()];
  }

  /** A or AAAA records, as the type asks for. */
  private pick(owner: string, type: number, addresses: Iterable<string>): ResourceRecord[] {
    if (type !== RecordType.A && type !== RecordType.AAAA) return [];
    return this.addressRecords(
      owner,
      [...addresses].filter((address) => isOfType(address, type)),
    );
  }

  private addressRecords(owner: string, addresses: readonly string[]): ResourceRecord[] {
    return addresses.map((address) => addressRecord(owner, this.options.ttlSeconds, address));
  }

  /** The instances of a service, its name compared as it came, then in lower case; undefined when there is none. */
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

  /**
   * The alias of an id under which no instance has an address, and all that name a host name the same one. A name of this
   * domain is none: it could lead back here.
   */
  private aliasOf(id: string, instances: readonly Instance[]): Finding | undefined {
    const { domain } = this;
    const [host, other] = new Set(instances.flatMap(endpointsOf).map((endpoint) => endpoint.host));
    if (host === undefined || other !== undefined || !isHostName(host)) return undefined;
    if (host === domain || host.endsWith(`.${domain}`)) return undefined;
    return found([aliasRecord(`${id}.node.${domain}`, this.options.ttlSeconds, host)]);
  }

  private node(id: string): NodeView {
    const name = asciiLower(id);
    const { directory, env } = this.options;
    const namesakes = directory.instancesNamed(env, id, namesakesMax);
    const known = this.nodes.get(name);
    if (known !== undefined && areSame(known.namesakes, namesakes)) return known;
    const instances = namesakes.filter(isUp);
    const addresses = [...new Set(instances.flatMap((instance) => addressesOf(instance)))];
    const isCrowded = namesakes.length === namesakesMax || addresses.length > targetAddressesMax;
    const glue = isCrowded ? [] : addresses;
    const node: NodeView = {
      exists: namesakes.length > 0,
      namesakes,
      instances,
      addresses,
      isCrowded,
      alias: addresses.length > 0 || isCrowded ? undefined : this.aliasOf(name, instances),
      records: this.addressRecords(`${name}.node.${this.domain}`, glue),
      findings: new Map(),
    };
    // Ids that do not exist are as many as anyone likes to ask for.
    if (node.exists) this.nodes.set(name, node);
    return node;
  }
}

/** What was found in a view, and when. */
interface KeptFinding {
  readonly finding: Finding;
  readonly serial: number;
  readonly version: number;
  readonly atMs: number;
  /** Not all that there is: so many were drawn. */
  readonly isDrawn: boolean;
}

/** What lives under one id: usually one instance, more when several services run on one host. */
interface NodeView {
  /** False when there is none of any status. */
  readonly exists: boolean;
  /** All that it was made of. */
  readonly namesakes: readonly Instance[];
  readonly instances: readonly Instance[];
  readonly addresses: readonly string[];
  /** So many live here that the id does not stand for one of them. */
  readonly isCrowded: boolean;
  /** The only record of an id that stands for a host's name. */
  readonly alias: Finding | undefined;
  readonly records: readonly ResourceRecord[];
  /** By type. */
  readonly findings: Map<number, Finding>;
}

function areSame(one: readonly Instance[], other: readonly Instance[]): boolean {
  return one.length === other.length && one.every((instance, at) => instance === other[at]);
}

function isOfType(address: string, type: number): boolean {
  return address.includes(":") === (type === RecordType.AAAA);
}

function found(answers: readonly ResourceRecord[]): Finding {
  return { rcode: Rcode.NoError, answers, authorities: [] };
}

/** The records of a type; for ANY those of the first type that has some. */
function ofType(type: number, recordsOf: (type: number) => ResourceRecord[]): ResourceRecord[] {
  if (type !== RecordType.ANY) return recordsOf(type);
  for (const each of anyOrder) {
    const records = recordsOf(each);
    if (records.length > 0) return records;
  }
  return [];
}

/** `key=value` for the version, the zone and each entry of the metadata. */
function textsOf({ version, zone, metadata }: Instance): string[] {
  const entries = new Map(metadata);
  if (version !== "") entries.set("version", version);
  if (zone !== "") entries.set("zone", zone);
  const texts: string[] = [];
  let totalBytes = 0;
  for (const [key, value] of entries) {
    const text = `${key}=${value}`;
    const bytes = Buffer.byteLength(text);
    if (bytes > textBytesMax || totalBytes + 1 + bytes > textsBytesMax) continue;
    totalBytes += 1 + bytes;
    texts.push(text);
  }
  return texts;
}
