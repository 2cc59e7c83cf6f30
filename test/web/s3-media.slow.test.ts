// Pictures of the web chat in an S3-compatible store: another origin, whose bucket has the CORS rule of the guide.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { type CorsRule, S3Server, s3Key } from "../../scripts/harness/s3.ts";
import { parseS3 } from "../../src/media/s3/s3-location.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { give } from "../support/web-files.ts";
import { begin, openRoom } from "../support/web-page.ts";
import { WebStage } from "../support/web-stage.ts";

/** Bytes a second of a slow line: an upload of the noise takes more than one report of its progress. */
const uploadThroughput = 400_000;

/** The rule that the guide gives, for pages of this origin instead of the guide's. */
function ruleOfGuide(origin: string): CorsRule {
  const guide = readFileSync(join(import.meta.dir, "../../scripts/README.md"), "utf8");
  const [text = ""] = /\{"CORSRules": [^`]*/.exec(guide) ?? [];
  const { CORSRules: rules } = JSON.parse(text);
  expect(rules).toEqual([expect.objectContaining({ AllowedOrigins: ["https://chat.example.com"] })]);
  return { ...rules[0], AllowedOrigins: [origin] };
}

const stage = new WebStage();
let origin = "";
let s3: S3Server;
beforeAll(async () => {
  if (chromium === undefined) return;
  const [port = 0] = await freePorts(1);
  origin = `http://127.0.0.1:${port}`;
  s3 = await S3Server.start(ruleOfGuide(origin));
  const media = { kind: "s3", location: parseS3(s3.url) } as const;
  await stage.start({ ws: { host: "127.0.0.1", port }, media, s3Credentials: s3Key });
}, browserTestMsMax);
afterAll(async () => {
  if (chromium === undefined) return;
  // Of the second test: what a browser says of an answer that the page may not read.
  await stage.stop(/blocked by CORS policy/);
  await s3.remove();
});

/** Somebody whose page notes what its policy refuses. */
async function watched(account: string): Promise<Page> {
  const page = await stage.person(account);
  await page.evaluate(() => {
    const refused: string[] = [];
    Object.assign(window, { refused });
    document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
  });
  return page;
}

const refusedIn = (page: Page): Promise<unknown> => page.evaluate(() => Reflect.get(window, "refused"));
const widthOf = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => document.querySelector<HTMLImageElement>(".picture img")?.naturalWidth === 640);

describe.skipIf(chromium === undefined)("pictures of the web chat in an S3-compatible store", () => {
  test(
    "a pasted picture goes to the store with its progress, and from there to the other one; no policy is violated",
    async () => {
      const [ann, ben] = [await watched("ann"), await watched("ben")];
      await begin(ann, "ben");
      await ann.getByRole("button", { name: "Attach files" }).waitFor();
      await ann.evaluate(() => {
        const progress: number[] = [];
        Object.assign(window, { progress });
        new MutationObserver(() => {
          for (const { value } of document.querySelectorAll("progress")) progress.push(value);
        }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["value"] });
      });
      const tools = await ann.context().newCDPSession(ann);
      const line = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
      await tools.send("Network.enable");
      await tools.send("Network.emulateNetworkConditions", line);
      const uploaded = ann.waitForResponse((answer) => answer.request().method() === "PUT");
      await give(ann, "paste", "noise.png", { isNoise: true });
      const answer = await uploaded;
      expect([answer.status(), new URL(answer.url()).origin]).toEqual([200, s3.endpoint]);
      await ann.getByRole("progressbar", { name: "noise.png" }).waitFor({ state: "detached" });
      const noted = await ann.evaluate((): unknown => Reflect.get(window, "progress"));
      const progress = Array.isArray(noted) ? noted.map(Number) : [];
      expect(progress.filter((part) => part > 0 && part < 1)).not.toEqual([]);
      expect(progress).toEqual(progress.toSorted((one, other) => one - other));

      const downloaded = ben.waitForResponse((one) => one.url().startsWith(s3.endpoint));
      await ann.getByLabel("Write a message").press("Enter");
      await openRoom(ben, "ann");
      expect((await downloaded).status()).toBe(200);
      for (const page of [ann, ben]) {
        await widthOf(page);
        expect(await refusedIn(page)).toEqual([]);
      }
    },
    browserTestMsMax,
  );

  test(
    "where the rule names another origin the upload says that it failed, and succeeds once the rule is the guide's",
    async () => {
      const [cy, dan] = [await watched("cy"), await watched("dan")];
      await begin(cy, "dan");
      await cy.getByRole("button", { name: "Attach files" }).waitFor();
      await s3.stop();
      await s3.startAgain(ruleOfGuide("https://chat.example.com"));
      await give(cy, "paste", "small.png");
      await cy.getByText("The server does not answer.").waitFor();
      await s3.stop();
      await s3.startAgain(ruleOfGuide(origin));
      await cy.getByRole("button", { name: "Retry" }).click();
      await cy.getByRole("progressbar", { name: "small.png" }).waitFor({ state: "detached" });
      await cy.getByLabel("Write a message").press("Enter");
      await openRoom(dan, "cy");
      await widthOf(dan);
      for (const page of [cy, dan]) expect(await refusedIn(page)).toEqual([]);
    },
    browserTestMsMax,
  );
});
