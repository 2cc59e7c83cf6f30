// DNS answers of a service of ten instances: kept ones, and those that are made because the table has changed.

import { testLimits } from "../../test/support/limits.ts";
import { systemClock } from "../../src/base/clock.ts";
import { assert } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Rcode } from "../../src/registry/dns/query.ts";
import { Responder } from "../../src/registry/dns/responder.ts";
import { DnsZone } from "../../src/registry/dns/zone.ts";
import { FakeDirectory, instanceOf } from "../../test/registry/dns/fake-directory.ts";
import { queryOf } from "../../test/registry/dns/messages.ts";
import type { Topic } from "./case.ts";

const instances = 10;

export function dnsTopic(): Topic {
  const directory = new FakeDirectory(
    Array.from({ length: instances }, (_, index) =>
      instanceOf({ appid: "chat", hostname: `chat-${index}`, addrs: [`tcp://10.0.0.${index}:8100`] }),
    ),
  );
  const random = seededRandom(1);
  const zone = new DnsZone({
    domain: "roost",
    env: "prod",
    ttlSeconds: 1,
    directory,
    ownAddress: undefined,
    random,
    clock: systemClock,
    limits: testLimits(),
  });
  const responder = new Responder({ zone, directory, random, clock: systemClock });
  const service = queryOf("_chat._tcp.roost", "SRV", { edns: 1232 });
  const addresses = queryOf("chat.service.roost", "A", { edns: 1232 });
  const missing = queryOf("nobody.service.roost", "A", { edns: 1232 });
  const rcodeOf = (query: Buffer): number => (responder.respond(query, "udp")?.readUInt8(3) ?? 0) & 0x0f;
  assert(rcodeOf(service) === Rcode.NoError && rcodeOf(addresses) === Rcode.NoError, "these names are there");
  assert(rcodeOf(missing) === Rcode.NxDomain, "this name is not");
  const kept = (query: Buffer) => () => responder.respond(query, "udp");
  const made = (query: Buffer) => () => {
    directory.touch("prod", "chat");
    return responder.respond(query, "udp");
  };
  return {
    cases: [
      { name: `dns/SRV of ${instances}, kept`, run: kept(service) },
      { name: `dns/SRV of ${instances}, made`, run: made(service) },
      { name: `dns/A of ${instances}, kept`, run: kept(addresses) },
      { name: `dns/A of ${instances}, made`, run: made(addresses) },
      { name: "dns/no such name, kept", run: kept(missing) },
      { name: "dns/no such name, made", run: made(missing) },
    ],
  };
}
