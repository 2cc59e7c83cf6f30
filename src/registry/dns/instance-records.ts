// The records of instances: A and AAAA of their addresses, SRV of their ports, TXT of their metadata; at most as many
// as an answer may have.

import type { Limits } from "../../base/limits/limits.ts";
import type { Instance } from "../instance.ts";
import { asciiLower } from "../name-index.ts";
import { addressesOf, coversScheme, endpointsOf, weightOf } from "./endpoint.ts";
import { addressLabel } from "./names.ts";
import type { NodeViews } from "./node-views.ts";
import { RecordType } from "./query.ts";
import { addressRecord, isHostName, type ResourceRecord, serviceRecord, textRecord } from "./record.ts";
import { messageBytesMax } from "./response-writer.ts";

/** A string of a TXT record (RFC 1035, 3.3). */
const textBytesMax = 255;
/** All strings of an instance's TXT records; the rest is omitted. */
const textsBytesMax = 16 * 1024;

/** A query of type ANY is answered with the first of these types that has records (RFC 8482, 4.1). */
const anyOrder = [RecordType.SOA, RecordType.SRV, RecordType.A, RecordType.AAAA, RecordType.TXT];

interface InstanceRecordsParts {
  /** In lower case, without the final dot. */
  readonly domain: string;
  readonly ttlSeconds: number;
  readonly limits: Limits;
  readonly nodes: NodeViews;
}

export class InstanceRecords {
  private readonly parts: InstanceRecordsParts;

  constructor(parts: InstanceRecordsParts) {
    this.parts = parts;
  }

  /** Returns records of a type; reads `instances` only as far as necessary. */
  of(owner: string, type: number, instances: Iterable<Instance>, protocol: string | undefined): ResourceRecord[] {
    if (type === RecordType.SRV) return this.services(owner, instances, protocol);
    if (type === RecordType.TXT) return this.texts(owner, instances);
    if (type !== RecordType.A && type !== RecordType.AAAA) return [];
    const addresses = new Set<string>();
    for (const instance of instances) {
      for (const address of addressesOf(instance, protocol)) {
        if (!isOfType(address, type) || addresses.has(address)) continue;
        if (this.isFull(addresses.size)) return this.addresses(owner, [...addresses]);
        addresses.add(address);
      }
    }
    return this.addresses(owner, [...addresses]);
  }

  /** Returns the records of the addresses of one type. */
  ofAddresses(owner: string, type: number, addresses: readonly string[]): ResourceRecord[] {
    if (type !== RecordType.A && type !== RecordType.AAAA) return [];
    return this.addresses(
      owner,
      addresses.filter((address) => isOfType(address, type)),
    );
  }

  /** Returns A and AAAA records. */
  addresses(owner: string, addresses: readonly string[]): ResourceRecord[] {
    return addresses.map((address) => addressRecord(owner, this.parts.ttlSeconds, address));
  }

  private services(owner: string, instances: Iterable<Instance>, protocol: string | undefined): ResourceRecord[] {
    const records = new Map<string, ResourceRecord>();
    for (const instance of instances) {
      const weight = weightOf(instance);
      for (const { scheme, host, port, isAddress } of endpointsOf(instance)) {
        if (port === 0 || !coversScheme(protocol, scheme)) continue;
        const target = isAddress ? this.targetOf(instance, host, port) : host;
        if (!isHostName(target)) continue;
        const key = `${target} ${port}`;
        // The records of a set differ (RFC 2181, 5); the first weight of a target and port applies.
        if (records.has(key)) continue;
        if (this.isFull(records.size)) return [...records.values()];
        records.set(key, serviceRecord(owner, this.parts.ttlSeconds, { target, port, weight }));
      }
    }
    return [...records.values()];
  }

  /**
   * Returns the name of an instance's address for resolvers: the instance's own name if it is a host name, is
   * unambiguous and has only addresses open on this port; otherwise the address's name.
   */
  private targetOf(instance: Instance, address: string, port: number): string {
    const { domain, nodes } = this.parts;
    const name = `${asciiLower(instance.hostname)}.node.${domain}`;
    // An id that starts with an underscore reads as a service.
    if (isHostName(name) && !name.startsWith("_")) {
      const onPort = endpointsOf(instance).filter((endpoint) => endpoint.port === port);
      const { addresses, isCrowded } = nodes.of(instance.hostname);
      if (!isCrowded && addresses.every((other) => onPort.some(({ host }) => host === other))) return name;
    }
    return `${addressLabel(address)}.addr.${domain}`;
  }

  private texts(owner: string, instances: Iterable<Instance>): ResourceRecord[] {
    const records = new Map<string, ResourceRecord>();
    let bytes = 0;
    for (const instance of instances) {
      for (const text of textsOf(instance)) {
        if (records.has(text)) continue;
        const record = textRecord(owner, this.parts.ttlSeconds, text);
        bytes += record.textBytes;
        // No message has room for more.
        if (bytes > messageBytesMax || this.isFull(records.size)) return [...records.values()];
        records.set(text, record);
      }
    }
    return [...records.values()];
  }

  /** Reports whether an answer is full although another record exists. */
  private isFull(count: number): boolean {
    const { limits } = this.parts;
    if (count < limits.values.dnsRecords) return false;
    limits.met("dnsRecords");
    return true;
  }
}

/** Returns the records of a type; for ANY those of the first type that has any. */
export function ofType(type: number, recordsOf: (type: number) => ResourceRecord[]): ResourceRecord[] {
  if (type !== RecordType.ANY) return recordsOf(type);
  for (const each of anyOrder) {
    const records = recordsOf(each);
    if (records.length > 0) return records;
  }
  return [];
}

function isOfType(address: string, type: number): boolean {
  return address.includes(":") === (type === RecordType.AAAA);
}

/** Returns `key=value` for the version, the zone and each metadata entry. */
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
