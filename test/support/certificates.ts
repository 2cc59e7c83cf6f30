// Certificates of a test, made by openssl: a root, an intermediate, and what they issue.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Kinds of private keys, by what `openssl genpkey` takes. */
const keyOptions = {
  ecdsa: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  rsa512: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"],
  rsa1024: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
  p224: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"],
  ed25519: ["-algorithm", "ED25519"],
} as const;
type KeyKind = keyof typeof keyOptions;

/** Paths of a certificate and its key. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

interface Leaf {
  readonly kind?: KeyKind;
  /** Default: localhost and 127.0.0.1. */
  readonly names?: string;
  /** When it begins to be valid, and when it ends, as openssl writes times: `20300101000000Z`. */
  readonly from?: string;
  readonly to?: string;
  readonly extra?: string;
}

/** A private CA of a test. */
export class TestAuthority {
  /** Path of the root's certificate, for clients. */
  readonly root: string;
  private readonly folder: string;
  private count = 0;

  /** Makes the root and the intermediate; `folder` exists. */
  constructor(folder: string, kind: KeyKind = "ecdsa") {
    this.folder = join(folder, `ca-${crypto.randomUUID()}`);
    mkdirSync(this.folder);
    const authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";
    this.root = this.path("root.pem");
    makeKey(kind, this.path("root.key"));
    openssl(
      ...["req", "-x509", "-new", "-key", this.path("root.key"), "-subj", "/CN=Root", "-days", "30"],
      ...["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", this.root],
    );
    makeKey(kind, this.path("between.key"));
    this.issue("between", "root", authority, {});
  }

  /** Issues a certificate by the intermediate; the file has both. */
  leaf(leaf: Leaf = {}): Pair {
    const name = `leaf${this.count++}`;
    const { kind = "ecdsa", names = "DNS:localhost,IP:127.0.0.1", extra = "extendedKeyUsage=serverAuth" } = leaf;
    makeKey(kind, this.path(`${name}.key`));
    const lines = [names === "" ? "" : `subjectAltName=${names}`, "basicConstraints=CA:FALSE", extra];
    this.issue(name, "between", lines.join("\n"), leaf);
    const chain = readFileSync(this.path(`${name}.pem`), "utf8") + readFileSync(this.path("between.pem"), "utf8");
    writeFileSync(this.path(`${name}.pem`), chain);
    return { certificate: this.path(`${name}.pem`), key: this.path(`${name}.key`) };
  }

  private issue(name: string, by: string, extensions: string, { from, to }: Pick<Leaf, "from" | "to">): void {
    const [request, file] = [this.path(`${name}.csr`), this.path(`${name}.ext`)];
    writeFileSync(file, extensions);
    openssl("req", "-new", "-key", this.path(`${name}.key`), "-subj", `/CN=${name}`, "-out", request);
    const database = this.path(`${name}.db`);
    writeFileSync(database, "");
    const settings = this.path(`${name}.cnf`);
    // `openssl ca` is the command that takes both dates.
    writeFileSync(
      settings,
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${database}\nnew_certs_dir=${this.folder}\nrand_serial=yes\n` +
        `default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n`,
    );
    openssl(
      ...["ca", "-batch", "-notext", "-config", settings, "-in", request, "-out", this.path(`${name}.pem`)],
      ...["-cert", this.path(`${by}.pem`), "-keyfile", this.path(`${by}.key`), "-extfile", file],
      ...(from === undefined ? [] : ["-startdate", from]),
      ...(to === undefined ? ["-days", "20"] : ["-enddate", to]),
    );
  }

  private path(name: string): string {
    return join(this.folder, name);
  }
}

/** Makes a certificate that its own key signed. */
export function selfSigned(folder: string, kind: KeyKind = "ecdsa"): Pair {
  const name = join(folder, `self-${crypto.randomUUID()}`);
  makeKey(kind, `${name}.key`);
  openssl(
    ...["req", "-x509", "-new", "-key", `${name}.key`, "-subj", "/CN=self", "-days", "20", "-out", `${name}.pem`],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
  );
  return { certificate: `${name}.pem`, key: `${name}.key` };
}

function makeKey(kind: KeyKind, path: string): void {
  openssl("genpkey", ...keyOptions[kind], "-out", path);
}

/** Runs openssl; throws what it wrote to standard error. */
export function openssl(...words: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["openssl", ...words], { stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}
