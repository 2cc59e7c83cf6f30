// The web chat at a cluster: a gateway is killed while two people talk, and their pages go on at another one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { begin, hears, openRoom, say, WebBrowser } from "../support/web-page.ts";

let stage: ClusterStage;
let balancer: TcpProxy;
let browser: WebBrowser;

const portOf = (gateway: number): number => Number(stage.cluster.gateways[gateway]?.ws.split(":")[1]);

async function person(account: string): Promise<Page> {
  // So high that all messages are in the document.
  const page = await (await browser.window({ viewport: { width: 1024, height: 3000 } })).newPage();
  await page.goto(`http://127.0.0.1:${balancer.port}/#token=${await stage.cluster.token(account)}`);
  await page.getByText("Nobody here yet").waitFor();
  return page;
}

/** What a page shows of a conversation, in its order. */
const shown = (page: Page): Promise<readonly string[]> => page.locator(".message .text").allTextContents();

describe.skipIf(chromium === undefined)("the web chat at a cluster", () => {
  beforeAll(async () => {
    stage = await ClusterStage.start({ gateways: 2 });
    balancer = await TcpProxy.start(portOf(0));
    browser = await WebBrowser.launch();
    // A gateway that runs from source makes the page when it is first asked for.
    for (const { ws } of stage.cluster.gateways) await fetch(`http://${ws}/`);
  }, browserTestMsMax);
  afterAll(async () => {
    await browser?.close();
    balancer?.stop();
    await stage?.close();
    expect(browser.problems).toEqual([]);
  });

  test(
    "after kill -9 of a gateway the pages say so, come back at another one, and have each message once",
    async () => {
      const [ann, ben] = [await person("ann"), await person("ben")];
      await begin(ann, "ben");
      await say(ann, "ann 0");
      await openRoom(ben, "ann");
      await hears(ben, "ann 0");
      const said = ["ann 0"];
      /** Both write, without waiting for each other; the page shows what it says at once. */
      const talk = async (rounds: number): Promise<void> => {
        for (let round = 0; round < rounds; round++)
          for (const [page, name] of [
            [ann, "ann"],
            [ben, "ben"],
          ] as const) {
            const text = `${name} ${said.length}`;
            said.push(text);
            await say(page, text);
          }
      };
      await talk(5);
      expect(await stage.count("gateway-1", "roost_channels")).toBe(2);
      // In the middle of a talk: some messages are acknowledged, some are on their way.
      const under = talk(10);
      balancer.isShut = true;
      await stage.cluster.end("gateway-1", "SIGKILL");
      await under;
      for (const page of [ann, ben]) {
        await page.getByText("The server does not answer.").waitFor();
        await page.getByText(/Next try in \d+ s\.|Trying now…/).waitFor();
        await page.getByRole("img", { name: "waiting to be sent" }).first().waitFor();
      }
      balancer.switchTo(portOf(1));
      balancer.isShut = false;
      for (const page of [ann, ben]) {
        await page
          .getByRole("button", { name: "Try now" })
          .click({ timeout: 2_000 })
          .catch(() => undefined);
        await page.getByText("The server does not answer.").waitFor({ state: "detached" });
        await page.getByRole("img", { name: "waiting to be sent" }).first().waitFor({ state: "detached" });
      }
      await talk(2);
      for (const page of [ann, ben])
        await page.waitForFunction(
          ([count]) =>
            document.querySelectorAll(".message .text").length === count &&
            document.querySelectorAll("[aria-label='waiting to be sent']").length === 0,
          [said.length] as const,
        );
      const [seenByAnn, seenByBen] = [await shown(ann), await shown(ben)];
      expect(seenByAnn).toEqual(seenByBen);
      expect(seenByAnn.toSorted()).toEqual(said.toSorted());
      // What each has written is in the order in which it was written.
      for (const name of ["ann", "ben"]) {
        const own = (texts: readonly string[]): readonly string[] => texts.filter((text) => text.startsWith(name));
        expect(own(seenByAnn)).toEqual(own(said));
      }
      // And so it is for somebody who comes later.
      await ann.reload();
      await ann.waitForFunction((count) => document.querySelectorAll(".message .text").length === count, said.length);
      expect(await shown(ann)).toEqual(seenByBen);
    },
    browserTestMsMax,
  );
});
