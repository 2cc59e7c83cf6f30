// Which addresses webhooks may reach.

import { expect, test } from "bun:test";
import { AddressRefused, HookAddresses, placeOf } from "../../src/hooks/addresses.ts";
import { listOfRanges } from "../../src/transport/address-ranges.ts";
import { loopback } from "./hook-stage.ts";

const refusalOf = async (addresses: HookAddresses, url: string): Promise<string> => {
  try {
    const { address } = await addresses.find(url);
    return `reaches ${address}`;
  } catch (error) {
    if (error instanceof AddressRefused) return error.message;
    throw error;
  }
};
const resolvedTo =
  (...found: string[]) =>
  (): Promise<string[]> =>
    Promise.resolve(found);

const inner = [
  "127.0.0.1",
  "127.1.2.3",
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "100.127.255.255",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "0:0:0:0:0:0:0:1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::FFFF:10.0.0.1",
  "0:0:0:0:0:ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "64:ff9b::8.8.8.8",
  "2002:7f00:1::",
  "2001:0:7f00:1::",
  "fc00::1",
  "fdab::1",
  "fe80::1",
  "fec0::1",
  "ff02::1",
];

test("addresses that are not reachable from everywhere are refused, in the URL and behind a name", async () => {
  const direct = new HookAddresses(undefined);
  for (const address of inner) {
    const host = address.includes(":") ? `[${address}]` : address;
    expect(await refusalOf(direct, `http://${host}:8300/`)).toContain("--hook-allow");
    const byName = new HookAddresses(undefined, resolvedTo(address));
    expect(await refusalOf(byName, "https://crm.example/")).toContain("crm.example is ");
  }
});

test("other spellings of loopback are loopback", async () => {
  const addresses = new HookAddresses(undefined);
  for (const host of ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:7f00:1]", "0", "127.0.0.1.", "①②⑦.0.0.1"])
    expect(await refusalOf(addresses, `http://${host}/`)).toContain("--hook-allow");
});

test("a name is refused when any of its addresses is, and one that has none", async () => {
  const mixed = new HookAddresses(undefined, resolvedTo("93.184.216.34", "127.0.0.1"));
  expect(await refusalOf(mixed, "https://crm.example/")).toContain("crm.example is 127.0.0.1");
  const none = new HookAddresses(undefined, resolvedTo());
  expect(await refusalOf(none, "https://crm.example/")).toBe("crm.example has no address");
});

test("the connection goes to the address that was judged, whatever the name resolves to next", async () => {
  const answers = [["93.184.216.34"], ["127.0.0.1"]];
  const rebinding = new HookAddresses(undefined, () => Promise.resolve(answers.shift() ?? []));
  expect(await rebinding.find("https://crm.example:8443/a?b=c")).toEqual({
    address: "93.184.216.34",
    port: 8443,
    name: "crm.example",
    host: "crm.example:8443",
    path: "/a?b=c",
    isSecure: true,
  });
  expect(await refusalOf(rebinding, "https://crm.example/")).toContain("127.0.0.1");
});

test("public addresses are reached, and what an operator has opened", async () => {
  for (const address of ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]"])
    expect(await refusalOf(new HookAddresses(undefined), `https://${address}/`)).toStartWith("reaches");
  const opened = new HookAddresses(loopback, resolvedTo("127.0.0.1"));
  expect(await refusalOf(opened, "http://localhost/")).toBe("reaches 127.0.0.1");
  expect(await refusalOf(opened, "http://[::ffff:127.0.0.1]/")).toStartWith("reaches");
  expect(await refusalOf(opened, "http://10.0.0.1/")).toContain("--hook-allow");
  const local = new HookAddresses(listOfRanges([{ address: "fd00::", prefix: 8, family: "ipv6" }]));
  expect(await refusalOf(local, "http://[fd00::1]/")).toStartWith("reaches");
  expect(await refusalOf(local, "http://[fc00::1]/")).toContain("--hook-allow");
});

test("a URL with credentials, another scheme or no host is refused before anything is resolved", () => {
  for (const [url, sentence] of [
    ["https://user:pass@crm.example/", "credentials"],
    ["https://user@crm.example/", "credentials"],
    ["file:///etc/passwd", "its scheme is file"],
    ["ftp://crm.example/", "its scheme is ftp"],
    ["gopher://crm.example/", "its scheme is gopher"],
    ["crm.example/hook", "no URL"],
    ["https://", "no URL"],
  ] as const)
    expect(() => placeOf(url)).toThrow(sentence);
});
