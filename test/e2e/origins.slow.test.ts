// --allow-origins as a real browser obeys and sends it.

import { expect, test } from "bun:test";
import { DiscoveryProcess, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { browserTestMsMax, chromium, withBrowser } from "../support/browser.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-origins-");

test.skipIf(chromium === undefined)(
  "a page of an allowed site connects and reads the lookup, a page of another site does neither",
  async () => {
    const reports = new Map<string, unknown>();
    let script = "";
    const site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { pathname, hostname } = new URL(request.url);
        if (pathname === "/report") reports.set(hostname, await request.json());
        return new Response(`<script type="module">${script}</script>`, { headers: { "content-type": "text/html" } });
      },
    });
    const allowed = ["--allow-origins", `http://*.good.example:${site.port}`];
    const server = await ServerProcess.start(folder, allowed);
    const registry = await DiscoveryProcess.start(folder, ["--insecure", ...allowed]);
    try {
      const lookup = `${/http:\/\/[^/\s]+/.exec(registry.banner)?.[0] ?? ""}/api/lookup/token`;
      script = `
        const opened = await new Promise((resolve) => {
          const socket = new WebSocket(${JSON.stringify(server.ws)});
          socket.onopen = () => resolve(true);
          socket.onerror = () => resolve(false);
        });
        const read = await fetch(${JSON.stringify(lookup)}).then(({ status }) => status, () => "refused");
        await fetch("/report", { method: "POST", body: JSON.stringify({ opened, read }) });`;
      await withBrowser({ hosts: "MAP *.example 127.0.0.1" }, async (browser) => {
        await browser.open(`http://app.good.example:${site.port}/`);
        await browser.open(`http://evil.example:${site.port}/`);
        await until(() => reports.size === 2, "both pages report");
      });
      expect(Object.fromEntries(reports)).toEqual({
        "app.good.example": { opened: true, read: 503 },
        "evil.example": { opened: false, read: "refused" },
      });
    } finally {
      await Promise.all([server.end("SIGKILL"), registry.end("SIGKILL"), site.stop(true)]);
    }
  },
  browserTestMsMax,
);
