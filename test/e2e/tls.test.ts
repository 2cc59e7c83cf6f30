// The server with TLS: its own client and command over both transports, certificates that change under load, and what
// the command line refuses.

import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { readCertificate } from "../../src/transport/tls/certificate.ts";
import { type Pair, selfSigned, TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-tls-");
const authority = new TestAuthority(folder);
const pairs = [authority.leaf(), authority.leaf({ kind: "rsa" }), authority.leaf()];
const ca = readFileSync(authority.root, "utf8");
const fingerprints = pairs.map((pair) => readCertificate(pair, Date.now()).fingerprint);
const servers: ServerProcess[] = [];
const clients: RoostClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
});

function install(pair: Pair | undefined, files: Pair): void {
  if (pair === undefined) throw new Error("there are three");
  for (const kind of ["certificate", "key"] as const) {
    copyFileSync(pair[kind], `${files[kind]}.new`);
    renameSync(`${files[kind]}.new`, files[kind]);
  }
}

async function start(pair: Pair | undefined = pairs[0]) {
  const place = mkdtempSync(join(folder, "server-"));
  const files = { certificate: join(place, "cert.pem"), key: join(place, "key.pem") };
  install(pair, files);
  const words = ["--data", place, "--tls-cert", files.certificate, "--tls-key", files.key];
  const server = await ServerProcess.start(place, words);
  servers.push(server);
  const token = async (account: string): Promise<string> =>
    (await run(["token", "--data", place, "--account", account], place)).out.trim();
  return { server, files, token, place };
}

async function connected(
  url: string,
  token: string,
  on: { message?: (text: string) => void; offline?: () => void } = {},
): Promise<RoostClient> {
  const client = await RoostClient.connect({
    url,
    ca,
    token,
    reconnect: false,
    on: { message: ({ body }) => on.message?.(body), offline: () => on.offline?.() },
  });
  clients.push(client);
  return client;
}

/** The fingerprint of what a URL's server shows. */
function served(url: string): Promise<string> {
  const port = Number(url.slice(url.lastIndexOf(":") + 1));
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("a server with TLS", () => {
  test("names wss and tls, and carries talks between both", async () => {
    const { server, token } = await start();
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
    const { server, token } = await start();
    const bob = await token("bob");
    for (const url of [server.ws, server.tcp])
      await expect(RoostClient.connect({ url, token: bob, reconnect: false })).rejects.toThrow();
    const { server: other, token: tokenOf } = await start(authority.leaf({ names: "DNS:other.example" }));
    const carol = await tokenOf("carol");
    for (const url of [other.ws, other.tcp])
      await expect(RoostClient.connect({ url, token: carol, ca, reconnect: false })).rejects.toThrow();
  });

  test("serves roost chat with --ca", async () => {
    const { server, place } = await start();
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

  test("takes renewed certificates under load, without a lost talk or a dropped connection", async () => {
    const { server, files, token } = await start();
    let offline = 0;
    const got = new Map<string, number>();
    const running = new AbortController();
    let sent = 0;
    const talk = async (url: string, name: string): Promise<void> => {
      const to = `${name}-to`;
      got.set(to, 0);
      const on = {
        message: () => void got.set(to, (got.get(to) ?? 0) + 1),
        offline: () => void (running.signal.aborted || offline++),
      };
      await connected(url, await token(to), on);
      const client = await connected(url, await token(name), { offline: on.offline });
      for (let i = 0; !running.signal.aborted; i++) {
        await client.talkToUser(to, { body: `${name} ${i}` });
        sent++;
      }
    };
    let handshakes = 0;
    const knock = async (url: string): Promise<void> => {
      while (!running.signal.aborted) {
        await served(url);
        handshakes++;
      }
    };
    const { ws, tcp } = server;
    const load = [talk(ws, "a"), talk(ws, "b"), talk(tcp, "c"), talk(tcp, "d"), knock(ws), knock(tcp)];
    await until(() => sent > 20 && handshakes > 20, "the load runs");
    for (const [at, pair] of [...pairs.entries()].slice(1)) {
      install(pair, files);
      // The first one by a signal, the second one by the change of the files.
      if (at === 1) server.signal("SIGHUP");
      for (const url of [ws, tcp]) await until(async () => (await served(url)) === fingerprints[at], "it is served");
    }
    writeFileSync(files.certificate, "rubbish");
    await until(() => server.log.includes("is refused and the old one stays"), "the refusal is logged");
    const before = sent;
    await until(() => sent > before + 20, "talks go on");
    for (const url of [ws, tcp]) expect(await served(url)).toBe(fingerprints[2] ?? "");
    running.abort();
    await Promise.all(load);
    await until(() => [...got.values()].reduce((sum, count) => sum + count, 0) === sent, "every talk arrives");
    expect(offline).toBe(0);
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
