// The registry asks an address once a second at most, however many instances name it.

import { describe, expect, test } from "bun:test";
import { Status } from "../../../src/registry/instance.ts";
import { Clinic } from "./clinic.ts";

describe("an address that many instances name", () => {
  const named = (path: string) => new Map([["health_url", `http://10.0.0.1:9100/${path}`]]);

  test("is asked once a second at most, by whatever URLs, and the instances live on", async () => {
    const clinic = new Clinic();
    for (let index = 0; index < 200; index++)
      clinic.register({ hostname: `h${index}`, metadata: named(`${index % 100}`) });
    await clinic.pass(300);
    expect(clinic.asked.length).toBeGreaterThan(250);
    const gapsMs = clinic.askedAtMs.slice(1).map((atMs, index) => atMs - (clinic.askedAtMs[index] ?? 0));
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(1_000);
    expect(clinic.checks.size).toBe(200);
    expect(clinic.node.instances("prod", "chat", Status.Up)).toHaveLength(200);
  }, 60_000);

  test("answers for all of those that name one URL", async () => {
    const clinic = new Clinic();
    for (let index = 0; index < 50; index++) clinic.register({ hostname: `h${index}`, metadata: named("one") });
    clinic.isWell = false;
    await clinic.pass(60);
    expect(clinic.asked.length).toBeLessThanOrEqual(60);
    expect(clinic.node.instances("prod", "chat", Status.Waiting)).toHaveLength(50);
  });

  test("does not hold up the others", async () => {
    const clinic = new Clinic();
    for (let index = 0; index < 50; index++) clinic.register({ hostname: `h${index}`, metadata: named(`${index}`) });
    clinic.register({
      hostname: "other",
      addrs: ["tcp://10.0.0.2:1"],
      metadata: new Map([["health_url", "https://10.0.0.2/"]]),
    });
    await clinic.pass(60);
    expect(clinic.asked.filter((url) => url === "https://10.0.0.2/").length).toBeGreaterThanOrEqual(5);
  });

  test("is one, whether its port is written or not", async () => {
    const clinic = new Clinic();
    const urls = ["http://10.0.0.1/", "http://10.0.0.1:80/a", "https://10.0.0.1:80/"];
    for (const [index, url] of urls.entries())
      clinic.register({ hostname: `h${index}`, metadata: new Map([["health_url", url]]) });
    await clinic.pass(2);
    expect(clinic.asked.length).toBeLessThanOrEqual(2);
  });
});
