// The records that this program encodes, judged by another implementation: dns-packet encodes each in the same way.

import { expect, test } from "bun:test";
import { encode, type Answer } from "dns-packet";
import {
  addressRecord,
  aliasRecord,
  authorityRecord,
  nameServerRecord,
  type ResourceRecord,
  serviceRecord,
  textRecord,
} from "../../../src/registry/dns/record.ts";

/** What dns-packet puts after the header's 12 bytes and the root's name. */
const judged = (answer: Answer): Buffer => encode({ type: "response", answers: [answer] }).subarray(13);
const ttl = 2 ** 31 - 1;
const owner = "a.roost";
const name = ".";

/** Each record, and the same in dns-packet's terms. */
const cases: readonly (readonly [string, ResourceRecord, Answer])[] = [
  ["A", addressRecord(owner, ttl, "255.0.1.9"), { name, ttl, type: "A", data: "255.0.1.9" }],
  ["AAAA", addressRecord(owner, 0, "fe80::1:0:a"), { name, ttl: 0, type: "AAAA", data: "fe80::1:0:a" }],
  ["AAAA of ::", addressRecord(owner, ttl, "::"), { name, ttl, type: "AAAA", data: "::" }],
  ["AAAA in full", addressRecord(owner, 5, "1:2:3:4:5:6:7:8"), { name, ttl: 5, type: "AAAA", data: "1:2:3:4:5:6:7:8" }],
  [
    "SRV",
    serviceRecord(owner, ttl, { target: "b_-1.c.roost", port: 65_535, weight: 256 }),
    { name, ttl, type: "SRV", data: { target: "b_-1.c.roost", port: 65_535, weight: 256, priority: 0 } },
  ],
  ["TXT", textRecord(owner, ttl, "key=Zürich"), { name, ttl, type: "TXT", data: Buffer.from("key=Zürich") }],
  ["TXT of 255 bytes", textRecord(owner, 5, "k".repeat(255)), { name, ttl: 5, type: "TXT", data: "k".repeat(255) }],
  ["CNAME", aliasRecord(owner, 5, "example.org"), { name, ttl: 5, type: "CNAME", data: "example.org" }],
  ["NS", nameServerRecord("roost", 5, "ns.roost"), { name, ttl: 5, type: "NS", data: "ns.roost" }],
  [
    "SOA, its serial beyond 32 bits",
    authorityRecord("roost", 7, "ns.roost", 2 ** 32 + 3),
    {
      name,
      ttl: 7,
      type: "SOA",
      data: {
        mname: "ns.roost",
        rname: "hostmaster.roost",
        serial: 3,
        refresh: 3600,
        retry: 600,
        expire: 86_400,
        minimum: 7,
      },
    },
  ],
];

test.each(cases)("%s has the bytes that dns-packet gives it", (_, record, answer) => {
  expect(record.body.toString("hex")).toBe(judged(answer).toString("hex"));
});

test("a target stands where the record says, so that later names can point to it", () => {
  const bytes = Buffer.from("\u0001b\u0005roost\u0000");
  for (const record of [
    serviceRecord(owner, 5, { target: "b.roost", port: 1, weight: 1 }),
    nameServerRecord(owner, 5, "b.roost"),
  ])
    expect(record.body.subarray(record.targetAt)).toEqual(bytes);
});

test("an address of one interface has a record without the interface's name, which DNS cannot express", () => {
  expect(addressRecord(owner, 5, "fe80::1%eth0").body).toEqual(addressRecord(owner, 5, "fe80::1").body);
});
