// nginx with the lines of the operators' guide for the web chat under the prefix /chat/, as a process of its own.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { until } from "../../scripts/harness/until.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

const program = Bun.which("nginx") ?? "/usr/sbin/nginx";
const guide = join(import.meta.dir, "../../scripts/README.md");

export class GuideNginx {
  /** `http://host:port`; the chat is at `/chat/`. */
  readonly url: string;
  private readonly child: Subprocess;

  private constructor(child: Subprocess, url: string) {
    this.child = child;
    this.url = url;
  }

  /** Whether nginx is installed. */
  static isThere(): boolean {
    return existsSync(program);
  }

  /** Starts it in a folder that it makes, in front of a server's WebSocket listener, and waits until it listens. */
  static async start(folder: string, ws: string): Promise<GuideNginx> {
    const [, location = ""] = /```nginx\n([^]*?)```/.exec(await Bun.file(guide).text()) ?? [];
    if (!location.includes("location /chat/")) throw new Error(`${guide} has no lines of nginx for /chat/`);
    mkdirSync(folder);
    const [port] = await freePorts(1);
    const config = join(folder, "nginx.conf");
    writeFileSync(
      config,
      `pid ${folder}/pid; error_log stderr; daemon off; events {}
      http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      server { listen 127.0.0.1:${port}; ${location.replace("127.0.0.1:8000", ws)} } }`,
    );
    // SIGTERM: a killed one leaves its workers.
    const child = Bun.spawn([...endsWithParent("TERM"), program, "-p", folder, "-c", config], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const nginx = new GuideNginx(child, `http://127.0.0.1:${port}`);
    await until(async () => (await fetch(`${nginx.url}/chat/`).catch(() => undefined)) !== undefined, "nginx listens");
    return nginx;
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
  }
}
