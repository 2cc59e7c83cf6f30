// nginx, HAProxy or Caddy in front of a server, as a real process with the sample configuration of scripts/proxies. Its
// ports, paths and, on demand, times are replaced; the rest is what operators copy.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces, userInfo } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { until } from "../../scripts/harness/until.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

const samples = join(import.meta.dir, "../../scripts/proxies");
/** The name in the samples, for which the certificate is made. */
export const siteName = "chat.example.org";
const certificate = "/etc/ssl/roost/fullchain.pem";
const startMsMax = 30_000;

export type ProxyName = "nginx" | "haproxy" | "caddy";

interface Places {
  /** An empty folder, which the caller removes. */
  readonly folder: string;
  /** Ports of the server behind it. */
  readonly ws: number;
  readonly tcp: number;
  /** Further texts of the sample, and what replaces them. */
  readonly replace?: Readonly<Record<string, string>>;
}

interface Kind {
  readonly sample: string;
  readonly program: string;
  /** Other files that it needs. */
  readonly needs: readonly string[];
  readonly command: (config: string) => string[];
  /** Texts of the sample, and what replaces them in a folder with these ports. */
  readonly replace: (folder: string, wss: number, tls: number, admin: number) => Record<string, string>;
  /** True if it passes TCP on, too. */
  readonly hasTcp: boolean;
}

/** Programs of /usr/sbin are not on everybody's PATH. */
const programOf = (name: string): string => Bun.which(name) ?? `/usr/sbin/${name}`;

const kinds: Readonly<Record<ProxyName, Kind>> = {
  nginx: {
    sample: "nginx.conf",
    program: programOf("nginx"),
    needs: ["/usr/lib/nginx/modules/ngx_stream_module.so"],
    command: (config) => ["-c", config, "-g", "daemon off;"],
    replace: (folder, wss, tls) => ({
      "/run/nginx.pid": join(folder, "nginx.pid"),
      "/var/log/nginx/error.log": "stderr",
      "listen 443 ": `listen ${wss} `,
      "[::]:443 ": `[::]:${wss} `,
      "listen 8443 ": `listen ${tls} `,
      "[::]:8443 ": `[::]:${tls} `,
    }),
    hasTcp: true,
  },
  haproxy: {
    sample: "haproxy.cfg",
    program: programOf("haproxy"),
    needs: [],
    command: (config) => ["-W", "-f", config],
    replace: (_, wss, tls) => ({
      "0.0.0.0:443,[::]:443 ": `0.0.0.0:${wss},[::]:${wss} `,
      "0.0.0.0:8443,[::]:8443 ": `0.0.0.0:${tls},[::]:${tls} `,
    }),
    hasTcp: true,
  },
  caddy: {
    sample: "Caddyfile",
    program: programOf("caddy"),
    needs: [],
    command: (config) => ["run", "--adapter", "caddyfile", "--config", config],
    replace: (_, wss, __, admin) => ({
      [`${siteName}:443`]: `${siteName}:${wss}`,
      "localhost:2019": `localhost:${admin}`,
    }),
    hasTcp: false,
  },
};

/** Why a proxy cannot be run here; undefined: it can. */
export function whyNot(name: ProxyName): string | undefined {
  const { program, needs } = kinds[name];
  const missing = [program, ...needs].find((path) => !existsSync(path));
  if (missing !== undefined) return `${missing} is not installed`;
  if (Bun.which("openssl") === null) return "openssl is not installed";
  if (userInfo().uid !== 0) return "its sample changes the user, so that root has to start it";
  const hasIpv6 = networkInterfaces()["lo"]?.some(({ family }) => family === "IPv6") === true;
  return hasIpv6 ? undefined : "its sample listens over IPv6, which this machine lacks";
}

/** Replaces each text of a sample, all of them at once; throws if one is not there. */
function replaced(sample: string, replacements: Readonly<Record<string, string>>): string {
  const parts = Object.keys(replacements).map((part) => {
    if (!sample.includes(part)) throw new Error(`the sample does not contain ${JSON.stringify(part)}`);
    return RegExp.escape(part);
  });
  return sample.replaceAll(new RegExp(parts.join("|"), "g"), (part) => replacements[part] ?? part);
}

/** Makes a certificate of the site and its key; the path of the certificate, which is also that of its authority. */
export async function makeCertificate(folder: string): Promise<string> {
  const path = join(folder, "fullchain.pem");
  const child = Bun.spawn(
    [
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${siteName}`, "-addext", `subjectAltName=DNS:${siteName}`],
      ...["-keyout", `${path}.key`, "-out", path],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  if ((await child.exited) !== 0) throw new Error(`openssl: ${await new Response(child.stderr).text()}`);
  return path;
}

export class FrontProxy {
  /** Where it takes WebSockets, and TCP connections (0: it does not), within TLS. */
  readonly wss: number;
  readonly tls: number;
  /** Its certificate. */
  readonly authority: string;
  private readonly kind: Kind;
  private readonly config: string;
  private readonly admin: string;
  private readonly child: Subprocess;
  private readonly log: string;

  private constructor(kind: Kind, ports: readonly number[], authority: string, config: string, folder: string) {
    const [wss = 0, tls = 0, admin = 0] = ports;
    this.kind = kind;
    this.wss = wss;
    this.tls = kind.hasTcp ? tls : 0;
    this.admin = `localhost:${admin}`;
    this.authority = authority;
    this.config = config;
    this.log = join(folder, "proxy.log");
    // SIGTERM: a killed one leaves its workers.
    this.child = Bun.spawn([...endsWithParent("TERM"), kind.program, ...kind.command(config)], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
      stdin: "ignore",
      stdout: Bun.file(this.log),
      stderr: Bun.file(this.log),
    });
  }

  /** Starts it and waits until it listens. */
  static async start(name: ProxyName, { folder, ws, tcp, replace = {} }: Places): Promise<FrontProxy> {
    const kind = kinds[name];
    mkdirSync(folder, { recursive: true });
    const ports = await freePorts(3);
    const [wss = 0, tls = 0, admin = 0] = ports;
    const authority = await makeCertificate(folder);
    const config = join(folder, kind.sample);
    const servers = {
      "127.0.0.1:8000": `127.0.0.1:${ws}`,
      ...(kind.hasTcp && { "127.0.0.1:8100": `127.0.0.1:${tcp}` }),
    };
    const all = { ...servers, ...kind.replace(folder, wss, tls, admin), [certificate]: authority, ...replace };
    writeFileSync(config, replaced(readFileSync(join(samples, kind.sample), "utf8"), all));
    const proxy = new FrontProxy(kind, ports, authority, config, folder);
    try {
      await until(() => proxy.child.exitCode !== null || proxy.isListening(), `${name} listens`, startMsMax);
      if (proxy.child.exitCode !== null) throw new Error(`${name} ended with status ${proxy.child.exitCode}`);
    } catch (error) {
      proxy.child.kill("SIGTERM");
      throw new Error(readFileSync(proxy.log, "utf8"), { cause: error });
    }
    return proxy;
  }

  private async isListening(): Promise<boolean> {
    for (const port of this.tls === 0 ? [this.wss] : [this.wss, this.tls]) {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
      socket.end();
    }
    return true;
  }

  /** Its worker processes. */
  private workers(): number[] {
    const text = readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8");
    return text.trim().split(" ").filter(Boolean).map(Number);
  }

  /** Has it read its configuration again, as `systemctl reload` does, and waits until it has. */
  async reload(): Promise<void> {
    const { program } = this.kind;
    if (!this.kind.hasTcp) {
      const child = Bun.spawn([program, "reload", "--force", "--config", this.config, "--address", this.admin], {
        env: { HOME: this.config },
        stdout: "ignore",
        stderr: "pipe",
      });
      if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
      return;
    }
    const former = this.workers();
    this.child.kill(program.endsWith("nginx") ? "SIGHUP" : "SIGUSR2");
    await until(() => this.workers().some((worker) => !former.includes(worker)), "new workers run");
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
  }
}
