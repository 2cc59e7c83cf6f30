// The server with TLS: its own client and command over both transports, certificates that change under load, and what
// the command line refuses.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { readCertificate } from "../../src/transport/tls/certificate.ts";
import { selfSigned } from "../support/certificates.ts";
import { TlsLoad } from "./tls-load.ts";
import { install, TlsStage } from "./tls-stage.ts";

const stage = new TlsStage();
const { authority, ca, folder } = stage;
const pairs = [authority.leaf(), authority.leaf({ kind: "rsa" }), authority.leaf()];
const fingerprints = pairs.map((pair) => readCertificate(pair, Date.now()).fingerprint);
const clients: RoostClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await stage.end();
});

async function connected(
  url: string,
  token: string,
  on: { message?: (text: string) => void } = {},
): Promise<RoostClient> {
  const client = await RoostClient.connect({
    url,
    ca,
    token,
    reconnect: false,
    on: { message: ({ body }) => on.message?.(body) },
  });
  clients.push(client);
  return client;
}

describe("a server with TLS", () => {
  test("names wss and tls, and carries talks between both", async () => {
    const { server, token } = await stage.start(pairs[0]);
    expect(server.ws).toStartWith("wss://");
    expect(server.tcp).toStartWith("tls://");
    const got: string[] = [];
    await connected(server.ws, await token("bob"), { message: (text) => got.push(text) });
    const alice = await connected(server.tcp, await token("alice"));
    await alice.talkToUser("bob", { body: "hello" });
    await until(() => got.length === 1, "the talk arrives");
    expect(got).toEqual(["hello"]);
    const metrics = await (await fetch(`${server.monitor}/metrics`)).text();
    expect(Number(/^roost_tls_certificate_expiry_seconds\S* (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(86_400);
  });

  test("is refused by clients that do not know its CA, or reach it by another name", async () => {
    const { server, token } = await stage.start(pairs[0]);
    const bob = await token("bob");
    for (const url of [server.ws, server.tcp])
      await expect(RoostClient.connect({ url, token: bob, reconnect: false })).rejects.toThrow();
    const { server: other, token: tokenOf } = await stage.start(authority.leaf({ names: "DNS:other.example" }));
    const carol = await tokenOf("carol");
    for (const url of [other.ws, other.tcp])
      await expect(RoostClient.connect({ url, token: carol, ca, reconnect: false })).rejects.toThrow();
  });

  test("serves roost chat with --ca", async () => {
    const { server, place } = await stage.start(pairs[0]);
    for (const url of [server.ws, server.tcp]) {
      const words = ["chat", "--data", place, "--url", url, "--account", "alice", "--to", "bob"];
      const { status, err } = await run([...words, "--ca", authority.root], place, "hello\n");
      expect([status, err]).toEqual([0, ""]);
      const unverified = await run(words, place, "hello\n");
      expect(unverified.status).not.toBe(0);
      expect(unverified.err).toMatch(/^roost: the certificate of \S+ cannot be verified: .*--ca/);
      expect((await run([...words, "--ca", join(place, "secret")], place, "hello\n")).err).toContain("no certificate");
    }
  });

  test("serves roost chat with --ca, which asks a registry with TLS for it", async () => {
    const { server, place } = await stage.start(pairs[0]);
    const [{ certificate, key } = authority.leaf()] = pairs;
    const registry = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") },
      fetch: () => Response.json({ domains: [server.ws] }),
    });
    const lookup = `https://127.0.0.1:${registry.port}`;
    const words = ["chat", "--data", place, "--discovery", lookup, "--account", "alice", "--to", "bob"];
    // Nothing listens at the URL that the client tries after the registry.
    const all = [...words, "--url", "ws://127.0.0.1:1"];
    const { status, err } = await run([...all, "--ca", authority.root], place, "hello\n");
    expect([status, err]).toEqual([0, ""]);
    const unverified = await run(all, place, "hello\n");
    expect(unverified.status).not.toBe(0);
    expect(unverified.err).toStartWith(`roost: the certificate of ${lookup} cannot be verified: `);
    await registry.stop(true);
  });

  test("tells the clients of plain text what to use instead", async () => {
    const { server, place } = await stage.start(pairs[0]);
    const said = async (url: string): Promise<string> =>
      (await run(["chat", "--data", place, "--url", url, "--account", "alice", "--to", "bob"], place, "hello\n")).err;
    expect(await said(server.tcp.replace("tls:", "tcp:"))).toContain("this port takes TLS only: connect with tls://");
    expect(await said(server.ws.replace("wss:", "ws:"))).toContain("wss:// and tls:// for a server or proxy with TLS");
    const metrics = await (await fetch(`${server.monitor}/metrics`)).text();
    expect(metrics).toMatch(/^roost_protocol_fault_total\{.*kind="plain-text"\} 1$/m);
  });

  test("takes renewed certificates under load, without a lost talk or a dropped connection", async () => {
    const { server, files, token } = await stage.start(pairs[0]);
    const { ws, tcp } = server;
    const load = await TlsLoad.start(stage, [ws, tcp], token);
    for (const [at, pair] of [...pairs.entries()].slice(1)) {
      install(pair, files);
      // The first one by a signal, the second one by the change of the files.
      if (at === 1) server.signal("SIGHUP");
      for (const url of [ws, tcp])
        await until(async () => (await stage.served(url)) === fingerprints[at], "it is served");
    }
    writeFileSync(files.certificate, "rubbish");
    await until(() => server.log.includes("is refused and the old one stays"), "the refusal is logged");
    await load.goesOn();
    for (const url of [ws, tcp]) expect(await stage.served(url)).toBe(fingerprints[2] ?? "");
    expect(await load.end()).toEqual({ lost: 0, dropped: 0, refused: [] });
    const metrics = await (await fetch(`${server.monitor}/metrics`)).text();
    expect(metrics).toMatch(/^roost_tls_reloads_total\S* 2$/m);
    expect(metrics).toMatch(/^roost_tls_reload_failures_total\S* [12]$/m);
  }, 60_000);
});

describe("the options of TLS", () => {
  const refused = async (...words: string[]): Promise<string> => {
    const place = mkdtempSync(join(folder, "refused-"));
    const { status, err } = await run(
      ["--data", join(place, "data"), "--ws", "127.0.0.1:0", "--tcp", "off", ...words],
      place,
    );
    expect(status).not.toBe(0);
    return err;
  };

  test("belong together", async () => {
    const [pair] = pairs;
    expect(await refused("--tls-cert", pair?.certificate ?? "")).toContain("--tls-cert is given without --tls-key");
    expect(await refused("--tls-key", pair?.key ?? "")).toContain("--tls-key is given without --tls-cert");
  });

  test("name files that fit for use", async () => {
    const weak = selfSigned(folder, "rsa512");
    const said = await refused("--tls-cert", weak.certificate, "--tls-key", weak.key);
    expect(said).toContain(
      `${weak.certificate}: the certificate of CN=self has an RSA key of 512 bits; use RSA with 2048`,
    );
    expect(await refused("--tls-cert", join(folder, "none"), "--tls-key", weak.key)).toContain("none: no such file");
  });
});
