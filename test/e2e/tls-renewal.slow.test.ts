// Certificates are replaced as operators and tools do it, while clients talk and others connect: nothing is lost, and
// what a replacement looks like halfway is never served.

import { afterEach, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { readCertificate } from "../../src/transport/tls/certificate.ts";
import type { Pair } from "../support/certificates.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { TlsLoad } from "./tls-load.ts";
import { install, TlsStage } from "./tls-stage.ts";

const stage = new TlsStage();
const { authority, folder } = stage;
let cluster: ClusterStage | undefined;

afterEach(async () => {
  await stage.end();
  await cluster?.close();
  cluster = undefined;
});

const fingerprintOf = (pair: Pair): string => readCertificate(pair, Date.now()).fingerprint;

/** Resolves when each of many new connections gets this certificate. */
async function allServed(urls: readonly string[], fingerprint: string): Promise<void> {
  for (const url of urls)
    await until(async () => {
      for (let i = 0; i < 20; i++)
        if ((await stage.served(url).catch((error: unknown) => String(error))) !== fingerprint) return false;
      return true;
    }, `${url} serves the new certificate`);
}

/** More than a look of the watch at the files. */
const pauseMs = 1_500;

/** Points the files at a pair in a folder of its own, by one symbolic link that is renamed over: as Kubernetes does. */
function swapLink(pair: Pair, files: Pair): void {
  const target = join(folder, `version-${crypto.randomUUID()}`);
  mkdirSync(target);
  copyFileSync(pair.certificate, join(target, "cert.pem"));
  copyFileSync(pair.key, join(target, "key.pem"));
  const link = join(files.certificate, "../data");
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
  for (const [kind, name] of [
    ["certificate", "cert.pem"],
    ["key", "key.pem"],
  ] as const) {
    rmSync(files[kind]);
    symlinkSync(join("data", name), files[kind]);
  }
}

const ways: Readonly<Record<string, (pair: Pair, files: Pair) => void | Promise<void>>> = {
  "renaming over": (pair, files) => install(pair, files),
  "writing in place": (pair, files) => {
    for (const kind of ["certificate", "key"] as const) writeFileSync(files[kind], readFileSync(pair[kind]));
  },
  "the key first, the certificate later": async (pair, files) => {
    copyFileSync(pair.key, files.key);
    await Bun.sleep(pauseMs);
    copyFileSync(pair.certificate, files.certificate);
  },
  "rubbish in between": async (pair, files) => {
    for (const rubbish of ["", "-----BEGIN CERTIFICATE-----\nAAAA\n", "\0".repeat(100_000)]) {
      writeFileSync(files.certificate, rubbish);
      await Bun.sleep(pauseMs);
    }
    rmSync(files.key);
    await Bun.sleep(pauseMs);
    copyFileSync(pair.certificate, files.certificate);
    copyFileSync(pair.key, files.key);
  },
  "a symbolic link that is swapped": swapLink,
};

test("a certificate is replaced in every way, and nothing is lost", async () => {
  const { server, files, token } = await stage.start();
  const urls = [server.ws, server.tcp];
  const load = await TlsLoad.start(stage, urls, token);
  for (const [way, replace] of Object.entries(ways)) {
    const pair = authority.leaf(way === "writing in place" ? { kind: "rsa" } : {});
    await replace(pair, files);
    await allServed(urls, fingerprintOf(pair));
    await load.goesOn();
  }
  expect(await load.end()).toEqual({ lost: 0, dropped: 0, refused: [] });
  expect(server.log).not.toContain("bug");
}, 180_000);

test("gateways that share their ports renew: talks and connections stay, all serve the new certificate", async () => {
  const files = { certificate: join(folder, "shared.pem"), key: join(folder, "shared.key") };
  install(authority.leaf(), files);
  cluster = await ClusterStage.start(
    { gateways: 3 },
    { sharesPorts: true, words: { gateway: ["--tls-cert", files.certificate, "--tls-key", files.key] } },
  );
  const { cluster: processes } = cluster;
  const [gateway] = processes.gateways;
  const urls = [`wss://${gateway?.ws ?? ""}`, `tls://${gateway?.tcp ?? ""}`];
  const load = await TlsLoad.start(stage, urls, (account) => processes.token(account));
  for (let i = 0; i < 3; i++) {
    const pair = authority.leaf();
    install(pair, files);
    await allServed(urls, fingerprintOf(pair));
    await load.goesOn();
  }
  const { lost, dropped, refused } = await load.end();
  expect([lost, dropped]).toEqual([0, 0]);
  // Over wss, those that wait at a server that stops accepting are reset (tls/generations.ts).
  console.log(`connections that were being opened and were reset: ${refused.length}`);
  expect(refused.filter((sentence) => !sentence.startsWith("wss:"))).toEqual([]);
}, 180_000);
