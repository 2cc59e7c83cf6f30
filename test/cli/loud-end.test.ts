// A bug that belongs to no connection and no request: nobody can tell what it has left undone, so the process ends by
// it.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";

const main = join(import.meta.dir, "../../src/main.ts");
const folder = temporaryFolder("roost-loud-");

test.each([
  ["a timer that throws", "uncaught exception", "throw new Error('a bug of nobody\\'s')"],
  ["a promise that is rejected", "unhandled rejection", "void Promise.reject(new Error('a bug of nobody\\'s'))"],
])("%s ends the process with status 70 and its stack in the log", async (_, kind, statement) => {
  const preload = join(folder, "preload.ts");
  // Once the server has begun to listen for what nobody catches.
  writeFileSync(
    preload,
    `const timer = setInterval(() => {
       if (process.listenerCount("unhandledRejection") === 0) return;
       clearInterval(timer);
       ${statement};
     }, 5);`,
  );
  const ports = ["--ws", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--monitor", "127.0.0.1:0"];
  const child = Bun.spawn([process.execPath, "--preload", preload, main, ...ports], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await new Response(child.stderr).text();
  expect(await child.exited).toBe(70);
  expect(errors).toContain(`${kind}: this is a bug`);
  expect(errors).toContain("Error: a bug of nobody's\\n    at ");
});

test("the code of the API that cannot be loaded ends the process with the first request, likewise", async () => {
  const preload = join(folder, "broken-api.ts");
  const broken = JSON.stringify({ loader: "ts", contents: "throw new Error('a bug of nobody\\'s')" });
  writeFileSync(
    preload,
    `Bun.plugin({
       name: "broken",
       setup: (build) => build.onLoad({ filter: /src.api.answers\\.ts$/ }, () => (${broken})),
     });`,
  );
  const ports = ["--ws", "127.0.0.1:0", "--tcp", "off", "--monitor", "off", "--api", "127.0.0.1:0"];
  const child = Bun.spawn([process.execPath, "--preload", preload, main, ...ports, "--data", join(folder, "api")], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  const errors = new Response(child.stderr).text();
  let banner = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const api = /^ {2}api +(http:\S+)/m.exec((banner += chunk))?.[1];
    if (api === undefined) continue;
    // It is not answered.
    await fetch(api).catch(() => undefined);
    break;
  }
  expect(await child.exited).toBe(70);
  expect(await errors).toContain("unhandled rejection: this is a bug");
  expect(await errors).toContain("Error: a bug of nobody's");
}, 60_000);
