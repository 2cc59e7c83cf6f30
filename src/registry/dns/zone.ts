// The domain's contents: which records a name has, read from the registry's table. What was read is kept until the
// table changes. Only UP instances of this node's own env are seen; but a service of which all wait still exists, and
// "no data" is told from "no such name" (RFC 2308).

import type { Random } from "../../base/random.ts";
import type { NamedDirectory } from "../directory.ts";
import { discoveryAppid, type Instance, Status } from "../instance.ts";
import { addressesOf, coversScheme, endpointsOf, weightOf } from "./endpoint.ts";
import { asciiLower, type NameKind } from "../name-index.ts";
import { addressLabel, type DnsName, parseName } from "./names.ts";
import { Rcode, RecordType } from "./query.ts";
import {
  addressRecord,
  authorityRecord,
  isHostName,
  nameServerRecord,
  type ResourceRecord,
  serviceRecord,
  textRecord,
} from "./record.ts";

/** Leaves room for the longest label that we put before the domain, and its dots. */
const domainCharactersMax = 200;
/** A string of a TXT record (RFC 1035, 3.3). */
const textBytesMax = 255;
/** All strings of one TXT record; what does not fit is left out. */
const textsBytesMax = 16 * 1024;
/** Names whose records are kept. */
const findingsMax = 10_000;

/** What is asked for with type ANY is answered with the first of these that there is (RFC 8482, 4.1). */
const anyOrder = [RecordType.SOA, RecordType.SRV, RecordType.A, RecordType.AAAA, RecordType.TXT];

/** The answer to a question. */
export interface Finding {
  readonly rcode: Rcode;
  readonly answers: readonly ResourceRecord[];
  /** The SOA when there is no answer. */
  readonly authorities: readonly ResourceRecord[];
}

export interface DnsZoneOptions {
  /** In any case, with or without a final dot. */
  readonly domain: string;
  readonly env: string;
  /** How long answers may be remembered, and as long that there are none: whole seconds. */
  readonly ttlSeconds: number;
  readonly directory: NamedDirectory;
  /** The name server's address while the table lists no node of the registry; undefined when it listens on all. */
  readonly ownAddress: string | undefined;
  /** Orders the answers. */
  readonly random: Random;
}

const refused: Finding = { rcode: Rcode.Refused, answers: [], authorities: [] };
const failed: Finding = { rcode: Rcode.ServFail, answers: [], authorities: [] };

export class DnsZone {
  /** In lower case, without the final dot. */
  readonly domain: string;
  private readonly domainLabels: readonly string[];
  private readonly options: DnsZoneOptions;
  /** What was read from this version of the table. */
  private version = -1;
  private readonly findings = new Map<string, Finding>();
  private readonly services = new Map<string, ServiceInstances>();
  private readonly nodes = new Map<string, NodeAddresses>();

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
  }

  /** Answers for a name (labels as they came, leftmost first) and a type; the order of answers is random, and kept. */
  find(labels: readonly string[], type: number): Finding {
    const below = this.labelsBelow(labels);
    if (below === undefined || type === RecordType.AXFR || type === RecordType.IXFR) return refused;
    if (!this.options.directory.isReadable) return failed;
    this.refresh();
    const name = parseName(below);
    const records = this.recordsOf(name, asciiLower(labels.join(".")), type);
    if (records === undefined) return this.negative(Rcode.NxDomain);
    return records.rcode === Rcode.NoError && records.answers.length === 0 ? this.negative(Rcode.NoError) : records;
  }

  /** The addresses of a target that `find` has given since the table changed; none for names outside of the domain. */
  glue(target: string): readonly ResourceRecord[] {
    this.refresh();
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

  private refresh(): void {
    const { version } = this.options.directory;
    if (version === this.version) return;
    this.version = version;
    this.findings.clear();
    this.services.clear();
    this.nodes.clear();
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
    return { rcode, answers: [], authorities: [this.authority()] };
  }

  private authority(): ResourceRecord {
    return authorityRecord(this.domain, this.options.ttlSeconds, this.nameServerName, this.version);
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
        if (!node.exists) return this.emptyIf(this.isBranch("id", name.id));
        return this.kept(`${type} ${owner}`, () =>
          ofType(type, (wanted) => this.instanceRecords(owner, wanted, node.instances, undefined)),
        );
      }
      case "service": {
        const { protocol, zone } = name;
        const service = this.service(name.service);
        const known = zone === undefined ? service?.all : service?.byZone.get(zone);
        if (service === undefined || known === undefined)
          return this.emptyIf(protocol === undefined && this.isBranch("service", name.service));
        return this.kept(`${type} ${owner} ${service.appid}`, () => {
          const instances = known.filter(isUp);
          return ofType(type, (wanted) => this.instanceRecords(owner, wanted, instances, protocol));
        });
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

  /** What `make` gives, in a random order that lasts until the table changes. */
  private kept(key: string, make: () => ResourceRecord[]): Finding {
    const known = this.findings.get(key);
    if (known !== undefined) return known;
    const finding = found(this.shuffled(make()));
    // Names without answers are as many as anyone likes to ask for.
    if (finding.answers.length > 0 && this.findings.size < findingsMax) this.findings.set(key, finding);
    return finding;
  }

  /** Fisher and Yates. */
  private shuffled(records: ResourceRecord[]): ResourceRecord[] {
    for (let last = records.length - 1; last > 0; last--) {
      const chosen = this.options.random.uint32() % (last + 1);
      const [record, other] = [records[last], records[chosen]];
      if (record === undefined || other === undefined) break;
      records[last] = other;
      records[chosen] = record;
    }
    return records;
  }

  private apexRecords(type: number): ResourceRecord[] {
    if (type === RecordType.SOA) return [this.authority()];
    if (type !== RecordType.NS) return [];
    return [nameServerRecord(this.domain, this.options.ttlSeconds, this.nameServerName)];
  }

  private nameServerAddresses(): readonly string[] {
    const { directory, env, ownAddress } = this.options;
    const nodes = directory.instances(env, discoveryAppid, Status.Up);
    const listed = new Set(nodes.flatMap((node) => addressesOf(node)));
    if (listed.size > 0) return [...listed];
    return ownAddress === undefined ? [] : [ownAddress];
  }

  private instanceRecords(
    owner: string,
    type: number,
    instances: readonly Instance[],
    protocol: string | undefined,
  ): ResourceRecord[] {
    if (type === RecordType.SRV) return this.serviceRecords(owner, instances, protocol);
    if (type === RecordType.TXT) return this.textRecords(owner, instances, protocol);
    return this.pick(owner, type, new Set(instances.flatMap((instance) => addressesOf(instance, protocol))));
  }

  private serviceRecords(
    owner: string,
    instances: readonly Instance[],
    protocol: string | undefined,
  ): ResourceRecord[] {
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
        records.set(key, serviceRecord(owner, this.options.ttlSeconds, { target, port, weight }));
      }
    }
    return [...records.values()];
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
      const { addresses } = this.node(asciiLower(instance.hostname));
      if (addresses.every((other) => onPort.some(({ host }) => host === other))) return name;
    }
    return `${addressLabel(address)}.addr.${this.domain}`;
  }

  private textRecords(owner: string, instances: readonly Instance[], protocol: string | undefined): ResourceRecord[] {
    const records = new Map<string, ResourceRecord>();
    for (const instance of instances) {
      if (!isCovered(instance, protocol)) continue;
      const strings = textsOf(instance);
      if (strings.length === 0) continue;
      records.set(JSON.stringify(strings), textRecord(owner, this.options.ttlSeconds, strings));
    }
    return [...records.values()];
  }

  /** A or AAAA records, as the type asks for. */
  private pick(owner: string, type: number, addresses: Iterable<string>): ResourceRecord[] {
    if (type !== RecordType.A && type !== RecordType.AAAA) return [];
    const isWanted = (address: string): boolean => address.includes(":") === (type === RecordType.AAAA);
    return this.addressRecords(owner, [...addresses].filter(isWanted));
  }

  private addressRecords(owner: string, addresses: readonly string[]): ResourceRecord[] {
    return addresses.map((address) => addressRecord(owner, this.options.ttlSeconds, address));
  }

  /** The instances of a service, its name compared as it came, then in lower case; undefined when there is none. */
  private service(word: string): ServiceInstances | undefined {
    const { directory, env } = this.options;
    const appid = directory.serviceNamed(env, word);
    if (appid === undefined) return undefined;
    let service = this.services.get(appid);
    if (service === undefined) {
      const all = directory.instances(env, appid, Status.Any);
      service = { appid, all, byZone: Map.groupBy(all, ({ zone }) => asciiLower(zone)) };
      this.services.set(appid, service);
    }
    return service;
  }

  private node(id: string): NodeAddresses {
    const name = asciiLower(id);
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const { directory, env } = this.options;
    const namesakes = directory.instancesNamed(env, id);
    const instances = namesakes.filter(isUp);
    const addresses = [...new Set(instances.flatMap((instance) => addressesOf(instance)))];
    const records = this.addressRecords(`${name}.node.${this.domain}`, addresses);
    const node = { exists: namesakes.length > 0, instances, addresses, records };
    // Ids that do not exist are as many as anyone likes to ask for.
    if (node.exists) this.nodes.set(name, node);
    return node;
  }
}

/** A service's instances of any status; zones in lower case. */
interface ServiceInstances {
  readonly appid: string;
  readonly all: readonly Instance[];
  readonly byZone: ReadonlyMap<string, readonly Instance[]>;
}

/** What lives under one id: usually one instance, more when several services run on one host. */
interface NodeAddresses {
  /** False when there is none of any status. */
  readonly exists: boolean;
  readonly instances: readonly Instance[];
  readonly addresses: readonly string[];
  readonly records: readonly ResourceRecord[];
}

function isUp({ status }: Instance): boolean {
  return (status & Status.Up) !== 0;
}

/** True when a protocol is one of the instance's; undefined is everyone's. */
function isCovered(instance: Instance, protocol: string | undefined): boolean {
  return protocol === undefined || endpointsOf(instance).some(({ scheme }) => coversScheme(protocol, scheme));
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
