// Starts the bare echo server.

import { join } from "node:path";
import { spawnChild } from "./lifetime.ts";
import type { Server } from "./target.ts";

const host = "127.0.0.1";

/** Starts it, works on it, ends it. */
export async function onEchoServer<T>(work: (server: Server) => Promise<T>): Promise<T> {
  const child = spawnChild([process.execPath, join(import.meta.dir, "echo-server.ts")], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    const { value } = await child.stdout.getReader().read();
    const ports = new TextDecoder().decode(value);
    const port = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(ports)?.[1] ?? 0);
    if (port("tcp") === 0 || port("ws") === 0) throw new Error("the echo server did not start");
    return await work({
      endpoints: {
        tcp: { transport: "tcp", host, port: port("tcp"), path: "/" },
        ws: { transport: "ws", host, port: port("ws"), path: "/" },
      },
      secret: "",
      app: "",
      processes: [{ name: "echo", pid: child.pid }],
      topology: "echo",
      store: "none",
      died: undefined,
    });
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}
