// The value of --nodes: which names and addresses a certificate may be for.

import { expect, test } from "bun:test";
import { namedNodesUpTo } from "../../src/options/node-names.ts";

const parse = namedNodesUpTo(4);

test("a node has one or more names, in the form in which certificates hold them", () => {
  expect([...parse("")]).toEqual([]);
  expect([...parse("chat-1=Chat1.Internal,gw=10.0.0.5,chat-1=FD00:0:0::5,chat-1=chat1.internal")]).toEqual([
    ["chat-1", ["chat1.internal", "fd00::5"]],
    ["gw", ["10.0.0.5"]],
  ]);
  const longest = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;
  expect([...parse(`x=${longest}`)]).toEqual([["x", [longest]]]);
  expect([...parse("x=localhost,y=xn--mnchen-3ya.example,z=1und1.de")].length).toBe(3);
});

const refused: readonly (readonly [text: string, sentence: string])[] = [
  ["a", "id=host"],
  ["a=", "a DNS name or an IP address"],
  ["=b.c", "letters, digits, dots and dashes"],
  ["a b=c", "letters, digits, dots and dashes"],
  [`${"a".repeat(41)}=c`, "1 to 40 letters"],
  ["../x=c", "letters, digits, dots and dashes"],
  ["a=b.c,", "id=host"],
  ["a=b.c,,d=e", "id=host"],
  ["a=b.c d", "a DNS name or an IP address"],
  ["a= b.c", "a DNS name or an IP address"],
  ["a=b=c", "a DNS name or an IP address"],
  [`a=${"b".repeat(300)}`, "a DNS name or an IP address"],
  [`a=${"b".repeat(64)}.c`, "a DNS name or an IP address"],
  [`a=${"b.".repeat(150)}c`, "a DNS name or an IP address"],
  ["a=*.example.com", "not a wildcard"],
  ["a=10.0.0.5:8000", "without a port"],
  ["a=chat1.internal:8000", "without a port"],
  ["a=[fd00::5]:8000", "without a port or brackets"],
  ["a=fe80::1%eth0", "a DNS name or an IP address"],
  ["a=münchen.example", "ASCII form (xn--…)"],
  ["a=10.0.0", "a DNS name or an IP address"],
  ["a=10.0.0.256", "a DNS name or an IP address"],
  ["a=b..c", "a DNS name or an IP address"],
  ["a=b.c.", "a DNS name or an IP address"],
  ["a=-b.c", "a DNS name or an IP address"],
  ["a=b\u0000.c", "a DNS name or an IP address"],
  ["a=b\n", "a DNS name or an IP address"],
  ["a=0.0.0.0", "stands for all its interfaces"],
  ["a=0::0", "stands for all its interfaces"],
  ["ca=b.c", "names the files of the authority"],
  ["CA=b.c", "names the files of the authority"],
  ["a=1.1.1.1,b=1.1.1.1,c=1.1.1.1,d=1.1.1.1,e=1.1.1.1", "at most 4 pairs"],
];

for (const [text, sentence] of refused)
  test(`refuses ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)}`, () => {
    expect(() => parse(text)).toThrow(sentence);
  });
