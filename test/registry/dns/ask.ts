// Asking a registry's table over DNS without a socket.

import { seededRandom } from "../../../src/base/random.ts";
import type { Instance } from "../../../src/registry/instance.ts";
import { type DnsMetrics, type DnsTransport, Responder } from "../../../src/registry/dns/responder.ts";
import type { RecordType } from "../../../src/registry/dns/query.ts";
import { DnsZone, type DnsZoneOptions } from "../../../src/registry/dns/zone.ts";
import { testLimits } from "../../support/limits.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { FakeDirectory } from "./fake-directory.ts";
import { queryOf, type QueryParts, type Read, readAnswer } from "./messages.ts";

export class Asked {
  readonly time = new VirtualTime();
  readonly directory: FakeDirectory;
  readonly responder: Responder;

  constructor(instances: readonly Instance[], options: Partial<DnsZoneOptions> = {}, metrics?: DnsMetrics) {
    const directory = new FakeDirectory(instances);
    const random = seededRandom(1);
    const usual = {
      domain: "roost",
      env: "prod",
      ttlSeconds: 5,
      directory,
      ownAddress: undefined,
      random,
      clock: this.time.clock(0),
      limits: testLimits(),
    };
    const zone = new DnsZone({ ...usual, ...options });
    this.directory = directory;
    this.responder = new Responder({ zone, directory, metrics, random, clock: this.time.clock(0) });
  }

  /** The answer over TCP, where all of it has room. */
  ask(
    name: string | readonly (string | Buffer)[],
    type: number | Exclude<keyof typeof RecordType, number>,
    parts: QueryParts = {},
  ): Read {
    return readAnswer(this.bytes(queryOf(name, type, parts), "tcp"));
  }

  bytes(query: Buffer, transport: DnsTransport): Buffer {
    const answer = this.responder.respond(query, transport);
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }
}
