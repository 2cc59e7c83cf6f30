import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../../src/base/log.ts";
import { CertificateWatch, listenerSource } from "../../../src/transport/tls/certificate-watch.ts";
import { type Pair, TestAuthority } from "../../support/certificates.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { contextOf } from "./tls-stage.ts";

const folder = temporaryFolder("roost-watch-");
const authority = new TestAuthority(folder);
const [before, after] = [authority.leaf(), authority.leaf()];
const expired = authority.leaf({ from: "20200101000000Z", to: "20210101000000Z" });
const [oldPrint, newPrint] = [before, after].map((pair) => contextOf(pair).certificate.fingerprint);
const watches: CertificateWatch[] = [];

afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
});

function install(pair: Pair, files: Pair): void {
  // As tools do it: written beside, then renamed over.
  for (const kind of ["certificate", "key"] as const) {
    copyFileSync(pair[kind], `${files[kind]}.new`);
    renameSync(`${files[kind]}.new`, files[kind]);
  }
}

function watched(files?: Pair) {
  const place = join(folder, crypto.randomUUID());
  mkdirSync(place);
  const paths = files ?? { certificate: join(place, "cert.pem"), key: join(place, "key.pem") };
  if (files === undefined) install(before, paths);
  const timers = new ManualTimers();
  const lines: string[] = [];
  const context = contextOf(paths);
  const log = createLog("debug", "text", (line) => lines.push(line));
  const watch = new CertificateWatch({ source: listenerSource(context, paths), timers, clock: timers, log });
  watches.push(watch);
  return { watch, context, lines, timers, place, files: paths, print: () => context.certificate.fingerprint };
}

describe("a watched certificate", () => {
  test("is taken within two seconds of its renewal", () => {
    const { watch, files, timers, print, lines } = watched();
    timers.advance(5_000);
    expect([print(), lines]).toEqual([oldPrint ?? "", []]);
    install(after, files);
    timers.advance(2_000);
    expect(print()).toBe(newPrint ?? "");
    expect(watch).toMatchObject({ reloads: 1, refusals: 0 });
    expect(lines.join("")).toContain("new connections get the renewed TLS certificate");
  });

  test("is remarked on when it ends soon and has not been renewed", () => {
    const { context, files, timers, watch: fresh } = watched();
    expect(fresh.remark).toBe("");
    const remarkAt = (daysLeft: number): string => {
      const clock = { wallMs: () => context.certificate.expiryMs - daysLeft * 86_400_000 };
      const log = createLog("error", "text", () => undefined);
      const watch = new CertificateWatch({ source: listenerSource(context, files), timers, clock, log });
      watches.push(watch);
      return watch.remark;
    };
    // It is valid for 20 days: a sixth is left.
    expect(remarkAt(4)).toBe("");
    expect(remarkAt(3)).toMatch(/^the TLS certificate ends at 20\d\d-.*Z; renew it: new files are read at once$/);
    expect(remarkAt(-1)).toContain("ends at");
  });

  test("is noticed behind a symbolic link", () => {
    const place = join(folder, "links");
    mkdirSync(place);
    const link = (pair: Pair): void => {
      symlinkSync(pair.certificate, join(place, "next"));
      renameSync(join(place, "next"), join(place, "cert.pem"));
      symlinkSync(pair.key, join(place, "next"));
      renameSync(join(place, "next"), join(place, "key.pem"));
    };
    link(before);
    const { timers, print } = watched({ certificate: join(place, "cert.pem"), key: join(place, "key.pem") });
    timers.advance(1_000);
    link(after);
    timers.advance(1_000);
    expect(print()).toBe(newPrint ?? "");
  });

  test("stays when it is replaced by rubbish, which is logged once", () => {
    const { watch, files, timers, print, lines } = watched();
    writeFileSync(files.certificate, "rubbish");
    timers.advance(10_000);
    expect(print()).toBe(oldPrint ?? "");
    expect(watch).toMatchObject({ reloads: 0, refusals: 1 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("the TLS certificate is refused and the old one stays");
    expect(lines[0]).toContain(`${files.certificate} has no certificate`);
    install(after, files);
    timers.advance(1_000);
    expect(print()).toBe(newPrint ?? "");
  });

  test.each([
    ["an expired one", (files: Pair) => install(expired, files), "expired on"],
    ["a key that does not fit", (files: Pair) => copyFileSync(after.key, files.key), "does not fit"],
    ["nothing", (files: Pair) => rmSync(files.key), "no such file"],
  ])("stays when %s replaces it", (_, spoil, reason) => {
    const { watch, files, timers, print, lines } = watched();
    spoil(files);
    timers.advance(3_000);
    expect(print()).toBe(oldPrint ?? "");
    expect(watch.refusals).toBe(1);
    expect(lines.join("")).toContain(reason);
  });

  test("is taken whole when its two files change one after the other", () => {
    const { files, timers, print } = watched();
    timers.advance(1_000);
    copyFileSync(after.certificate, files.certificate);
    timers.advance(1_000);
    expect(print()).toBe(oldPrint ?? "");
    copyFileSync(after.key, files.key);
    timers.advance(1_000);
    expect(print()).toBe(newPrint ?? "");
  });

  test("is read at once on demand, with a sentence", () => {
    const { watch, files, print } = watched();
    expect(watch.reload()).toBe("the TLS certificate is the same as before");
    install(after, files);
    expect(watch.reload()).toBe("the TLS certificate was read again");
    expect(print()).toBe(newPrint ?? "");
    writeFileSync(files.key, "rubbish");
    expect(watch.reload()).toBe("the TLS certificate was not changed");
  });

  test("tells how long it is good", () => {
    const { watch, timers } = watched();
    const first = watch.expirySeconds;
    expect(first).toBeGreaterThan(19 * 86_400);
    timers.advance(90_000);
    expect(watch.expirySeconds).toBeLessThanOrEqual(first - 89);
  });
});
