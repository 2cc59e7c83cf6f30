// The acceptance test of DNS: what dig prints. Skipped where there is no dig.

import { testLimits } from "../../support/limits.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import { ContainedBugs } from "../../../src/observe/contained-bugs.ts";
import { discoveryAppid } from "../../../src/registry/instance.ts";
import { type DnsServer, startDns } from "../../../src/registry/dns/server.ts";
import { FakeDirectory, instanceOf } from "./fake-directory.ts";

const dig = Bun.which("dig");

const directory = new FakeDirectory([
  ...Array.from({ length: 100 }, (_, at) =>
    instanceOf({ appid: "chat", hostname: `chat${at}`, zone: "z2", addrs: [`tcp://10.0.1.${at}:8200`] }),
  ),
  instanceOf({
    appid: "login",
    hostname: "login1",
    addrs: ["tcp://10.0.0.1:8100", "tcp://[2001:db8::1]:8100"],
    metadata: new Map([
      ["weight", "3"],
      ["note", 'with "quotes"'],
    ]),
  }),
  instanceOf({ appid: discoveryAppid, hostname: "reg1", addrs: ["http://10.0.0.9:7171"] }),
]);

let server: DnsServer;

beforeAll(async () => {
  server = await startDns({
    address: { host: "127.0.0.1", port: 0 },
    domain: "roost",
    env: "prod",
    ttlSeconds: 5,
    directory,
    limits: testLimits(),
    log: silentLog,
    bugs: new ContainedBugs(silentLog, systemClock),
  });
});

afterAll(() => server.stop());

/** What dig prints, its own first lines included. */
async function run(...options: string[]): Promise<string> {
  const port = server.address.slice(server.address.lastIndexOf(":") + 1);
  const command = [dig ?? "dig", "@127.0.0.1", "-p", port, "+time=2", "+tries=3", ...options];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  // A server that breaks the format makes dig warn. That we offer no recursion is meant so.
  const told = text.replace("WARNING: recursion requested but not available", "");
  expect(told).not.toMatch(/warning|malformed|bad packet|mismatch/i);
  return told;
}

/** The records alone, with single spaces. */
async function records(...options: string[]): Promise<string[]> {
  const text = await run("+noall", "+answer", "+authority", "+additional", ...options);
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith(";"))
    .map((line) => line.replace(/\s+/g, " ").trim());
}

describe.skipIf(dig === null)("dig", () => {
  test("shows a service's instances and their addresses", async () => {
    expect(await records("_login._tcp.z1.roost", "SRV")).toEqual([
      "_login._tcp.z1.roost. 5 IN SRV 0 3 8100 login1.node.roost.",
      "login1.node.roost. 5 IN A 10.0.0.1",
      "login1.node.roost. 5 IN AAAA 2001:db8::1",
    ]);
  });

  test("shows addresses and texts", async () => {
    expect(await records("login.service.roost", "A")).toEqual(["login.service.roost. 5 IN A 10.0.0.1"]);
    expect(await records("login1.node.roost", "AAAA")).toEqual(["login1.node.roost. 5 IN AAAA 2001:db8::1"]);
    expect((await records("login1.node.roost", "TXT")).toSorted()).toEqual([
      'login1.node.roost. 5 IN TXT "note=with \\"quotes\\""',
      'login1.node.roost. 5 IN TXT "weight=3"',
      'login1.node.roost. 5 IN TXT "zone=z1"',
    ]);
  });

  test("shows the domain's own records", async () => {
    expect(await records("roost", "NS")).toEqual(["roost. 5 IN NS ns.roost.", "ns.roost. 5 IN A 10.0.0.9"]);
    const [soa = ""] = await records("roost", "SOA");
    expect(soa).toMatch(/^roost\. 5 IN SOA ns\.roost\. hostmaster\.roost\. \d+ 3600 600 86400 5$/);
  });

  test("tells no such name, no data and not ours apart", async () => {
    const missing = await run("nobody.node.roost", "A");
    expect(missing).toContain("status: NXDOMAIN");
    expect(missing).toMatch(/flags: qr aa rd;/);
    expect(missing).toMatch(/^roost\.\s+5\s+IN\s+SOA/m);
    const noData = await run("login.service.roost", "MX");
    expect(noData).toContain("status: NOERROR");
    expect(noData).toContain("ANSWER: 0, AUTHORITY: 1");
    const foreign = await run("example.com", "A");
    expect(foreign).toContain("status: REFUSED");
    expect(foreign).toContain("ANSWER: 0, AUTHORITY: 0");
  });

  test("gets a cut answer over UDP, and comes back for the whole over TCP", async () => {
    const cut = await run("+ignore", "_chat._tcp.z2.roost", "SRV");
    expect(cut).toMatch(/flags: qr aa tc rd;/);
    const old = await run("+ignore", "+noedns", "_chat._tcp.z2.roost", "SRV");
    expect(old).toMatch(/flags: qr aa tc rd;/);
    expect(old).not.toContain("OPT PSEUDOSECTION");
    const whole = await run("_chat._tcp.z2.roost", "SRV");
    expect(whole).toContain("Truncated, retrying in TCP mode");
    expect(whole).toContain("ANSWER: 100,");
    expect((await records("+tcp", "_chat._tcp.z2.roost", "SRV")).filter((line) => line.includes(" SRV "))).toHaveLength(
      100,
    );
  });

  test("gets several answers over one TCP connection", async () => {
    const queries = ["login.service.roost", "login1.node.roost", "ns.roost"].flatMap((name) => [name, "A"]);
    expect(await records("+tcp", "+keepopen", ...queries)).toHaveLength(3);
  });

  test("takes EDNS, cookies, other versions and other case", async () => {
    expect(await run("+bufsize=1232", "roost", "SOA")).toContain("udp: 1232");
    expect(await run("+dnssec", "roost", "SOA")).toContain("flags: do");
    expect(await run("+edns=1", "+noednsneg", "roost", "SOA")).toContain("status: BADVERS");
    expect(await run("+edns=1", "roost", "SOA")).toContain("status: NOERROR");
    expect(await records("_LOGIN._Tcp.Z1.ROOST", "SRV")).toContain(
      "_LOGIN._Tcp.Z1.ROOST. 5 IN SRV 0 3 8100 login1.node.roost.",
    );
  });

  test("is refused a transfer of the domain", async () => {
    expect(await run("roost", "AXFR")).toContain("Transfer failed");
  });
});
