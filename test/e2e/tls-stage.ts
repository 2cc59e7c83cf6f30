// Servers with TLS for the tests of a file: their certificates, their accounts, and what they show to clients.

import { copyFileSync, mkdtempSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { type Pair, TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Replaces each file by renaming, as tools do. */
export function install(pair: Pair | undefined, files: Pair): void {
  if (pair === undefined) throw new Error("there is no such pair");
  for (const kind of ["certificate", "key"] as const) {
    copyFileSync(pair[kind], `${files[kind]}.new`);
    renameSync(`${files[kind]}.new`, files[kind]);
  }
}

/** A server, the files of its certificate, and its folder. */
interface Started {
  readonly server: ServerProcess;
  readonly files: Pair;
  readonly place: string;
  readonly token: (account: string) => Promise<string>;
}

export class TlsStage {
  readonly folder: string;
  readonly authority: TestAuthority;
  /** The authority's certificate, in PEM. */
  readonly ca: string;
  private readonly servers: ServerProcess[] = [];

  constructor() {
    this.folder = temporaryFolder("roost-tls-");
    this.authority = new TestAuthority(this.folder);
    this.ca = readFileSync(this.authority.root, "utf8");
  }

  /** Starts a server with a pair, which is copied. `words`: further options. */
  async start(pair: Pair = this.authority.leaf(), words: readonly string[] = []): Promise<Started> {
    const place = mkdtempSync(join(this.folder, "server-"));
    const files = { certificate: join(place, "cert.pem"), key: join(place, "key.pem") };
    install(pair, files);
    const all = ["--data", place, "--tls-cert", files.certificate, "--tls-key", files.key, ...words];
    const server = await ServerProcess.start(place, all);
    this.servers.push(server);
    const token = async (account: string): Promise<string> =>
      (await run(["token", "--data", place, "--account", account], place)).out.trim();
    return { server, files, place, token };
  }

  /** The fingerprint of what a URL's server shows. */
  served(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: portOf(url), ca: this.ca }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  }

  /** Ends the servers; for `afterEach`. */
  async end(): Promise<void> {
    await Promise.all(this.servers.splice(0).map((server) => server.end("SIGKILL")));
  }
}

/** The port of an address or URL that ends in one. */
export function portOf(url: string): number {
  return Number(url.slice(url.lastIndexOf(":") + 1));
}
