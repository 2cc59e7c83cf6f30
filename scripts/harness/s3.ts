// An S3-compatible server of a test's own, which checks signatures: on a free port of loopback, with a folder of its
// own. It runs in a process of its own, by Bun.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePorts } from "./free-ports.ts";
import { until } from "./until.ts";
import { endsWithParent, removeAfterwards } from "./with-parent.ts";

const root = join(import.meta.dir, "../..");

/** Which pages may use a bucket, as `aws s3api put-bucket-cors` takes it: one of its CORSRules. */
export interface CorsRule {
  readonly AllowedOrigins: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedHeaders: readonly string[];
  readonly MaxAgeSeconds?: number;
}

/** Pages of any origin may upload and download, with the header that the guide names. */
const anyOrigin: CorsRule = { AllowedOrigins: ["*"], AllowedMethods: ["PUT", "GET"], AllowedHeaders: ["Content-Type"] };

/** The same as XML, which S3 itself speaks. */
function xmlOf({ AllowedOrigins, AllowedMethods, AllowedHeaders, MaxAgeSeconds }: CorsRule): string {
  const tags = (name: string, values: readonly (string | number)[]): string =>
    values.map((value) => `<${name}>${value}</${name}>`).join("");
  const rule = [
    tags("AllowedOrigin", AllowedOrigins),
    tags("AllowedMethod", AllowedMethods),
    tags("AllowedHeader", AllowedHeaders),
    tags("MaxAgeSeconds", MaxAgeSeconds === undefined ? [] : [MaxAgeSeconds]),
  ];
  return `<CORSConfiguration><CORSRule>${rule.join("")}</CORSRule></CORSConfiguration>`;
}

/**
 * Its settings come as JSON. The package signs queries without the escapes of RFC 3986, which AWS demands.
 */
const script = `
  const { encodeURIComponent: encode } = globalThis;
  globalThis.encodeURIComponent = (text) => encode(text).replace(/[!'()*]/g, (one) =>
    "%" + one.charCodeAt(0).toString(16).toUpperCase());
  const S3rver = require("@20minutes/s3rver");
  const { port, directory, bucket, cors } = JSON.parse(process.env.S3_SETTINGS);
  const configureBuckets = [{ name: bucket, configs: [cors] }];
  new S3rver({ port, address: "127.0.0.1", silent: true, directory, configureBuckets }).run();
`;

/** The one key that the server knows. */
export const s3Key = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" } as const;

export class S3Server {
  readonly bucket = "files";
  readonly port: number;
  private readonly folder = mkdtempSync(join(tmpdir(), "roost-s3-"));
  private child: Subprocess | undefined;

  private constructor(port: number) {
    this.port = port;
    removeAfterwards(this.folder);
  }

  /** Starts one that answers, with a bucket. */
  static async start(rule?: CorsRule): Promise<S3Server> {
    const server = new S3Server((await freePorts(1))[0] ?? 0);
    await server.startAgain(rule);
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** As `--media` takes it. */
  get url(): string {
    return `s3://${this.bucket}/chat?endpoint=${encodeURIComponent(this.endpoint)}`;
  }

  /** Starts it on its port, after `stop`, with what it had. */
  async startAgain(rule = anyOrigin): Promise<void> {
    const { port, folder: directory, bucket } = this;
    const settings = JSON.stringify({ port, directory, bucket, cors: xmlOf(rule) });
    const child = Bun.spawn([...endsWithParent(), process.execPath, "-e", script], {
      cwd: root,
      env: { ...process.env, S3_SETTINGS: settings },
      stdout: "ignore",
      stderr: "ignore",
    });
    this.child = child;
    await until(async () => {
      if (child.exitCode !== null) throw new Error("the S3 server did not start");
      return fetch(this.endpoint).then(
        () => true,
        () => false,
      );
    }, "the S3 server answers");
  }

  async stop(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
