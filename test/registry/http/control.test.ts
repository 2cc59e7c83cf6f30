// Operators' commands over the registry's API: with the key, or without one from this machine.

import { afterEach, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import { askProcess } from "../../../src/cli/control/ask.ts";
import { controlRequest, ControlCommands } from "../../../src/observe/control-commands.ts";
import { controlAnswer } from "../../../src/registry/http/control.ts";
import { Parameters } from "../../../src/registry/http/parameters.ts";
import { bodyText } from "../../../src/transport/http/http-answer.ts";
import { testLimits } from "../../support/limits.ts";
import { endAll, TestNode } from "./support.ts";

afterEach(endAll);

const key = new TextEncoder().encode("the key of a cluster of tests");
const wrongKey = new TextEncoder().encode("the key of some other cluster");

test("limits are shown to a caller with the registry's key, and to no other", async () => {
  const limits = testLimits({ instances: 7 });
  const node = await TestNode.start({ clusterKeys: [key], limits });
  const place = { kind: "registry", url: `http://${node.address}` } as const;
  const answer = await askProcess({ ...place, clusterKeys: [key] }, "limits");
  expect(JSON.stringify(answer)).toContain('"name":"instances","unit":"count","value":7,"isSet":true');
  await expect(askProcess({ ...place, clusterKeys: [wrongKey, key] }, "limits")).resolves.toEqual(answer);
  for (const clusterKeys of [[], [wrongKey]])
    await expect(askProcess({ ...place, clusterKeys }, "limits")).rejects.toThrow("takes writes only with its key");
});

test("without a key, only callers on this machine may ask", async () => {
  const node = await TestNode.start({ log: silentLog });
  const place = { kind: "registry", url: `http://${node.address}`, clusterKeys: [] } as const;
  expect(JSON.stringify(await askProcess(place, "limits"))).toContain('"role":"discovery"');
  const passedOn = await fetch(`${place.url}/discovery/control`, {
    method: "POST",
    headers: { "x-forwarded-for": "127.0.0.1" },
    body: new URLSearchParams({ request: controlRequest("limits") }),
  });
  expect(await passedOn.text()).toContain('"code":-401');
  const commands = new ControlCommands({ limits: () => "told" }, () => undefined);
  const parameters = new Parameters("", new URLSearchParams({ request: controlRequest("limits") }).toString());
  expect(bodyText(await controlAnswer(commands, parameters, false))).toContain('"code":-401');
  expect(bodyText(await controlAnswer(commands, parameters, true))).toContain('"answer":"told"');
});

test("what is no request is refused with a code", async () => {
  const node = await TestNode.start();
  const post = async (body: string): Promise<string> =>
    (
      await fetch(`http://${node.address}/discovery/control`, { method: "POST", body: new URLSearchParams(body) })
    ).text();
  expect(await post("")).toContain('"code":-400,"message":"request is required"');
  expect(await post("request=x")).toContain("a request is");
  expect((await fetch(`http://${node.address}/discovery/control`)).status).toBe(405);
});

test("a registry of an older version is named, and one that is not there", async () => {
  const old = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("404 page not found", { status: 404 }),
  });
  const url = `http://127.0.0.1:${old.port}`;
  await expect(askProcess({ kind: "registry", url, clusterKeys: [] }, "limits")).rejects.toThrow("HTTP status 404");
  await Bun.sleep(50);
  await old.stop(true);
  await expect(askProcess({ kind: "registry", url, clusterKeys: [] }, "limits")).rejects.toThrow(
    "the request to the registry node failed",
  );
});
