import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { NodeList, NodeRotation } from "../../../src/registry/client/node-rotation.ts";
import { parseService } from "../../../src/registry/client/parse-instances.ts";
import { discoveryAppid, type Instance } from "../../../src/registry/instance.ts";
import { testSeed } from "../../support/random.ts";

const seed = testSeed("node-rotation");

function registryNode(zone: string, ...addrs: string[]): Instance {
  const timestamps = { reg_timestamp: "1", up_timestamp: "1", dirty_timestamp: "1", latest_timestamp: "1" };
  const names = { region: "", zone, env: "e", appid: discoveryAppid, hostname: addrs.join(), version: "" };
  const { instances } = parseService({
    instances: { [zone]: [{ ...names, addrs, metadata: null, status: 1, ...timestamps }] },
    latest_timestamp: "1",
  });
  const [instance] = instances;
  if (instance === undefined) throw new Error("no instance");
  return instance;
}

/** The nodes that a loop goes through when each fails. */
function failing(rotation: NodeRotation, times: number): string[] {
  return Array.from({ length: times }, () => {
    const { current } = rotation;
    rotation.fail();
    return current;
  });
}

const seeds = ["http://s1:1", "http://s2:1/", "http://s3:1"];
const origins = ["http://s1:1", "http://s2:1", "http://s3:1"];

describe("a rotation", () => {
  test("starts at any seed and goes through all before it comes back", () => {
    const starts = new Set<string>();
    const random = seededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const nodes = failing(new NodeRotation(new NodeList(seeds, "z", random, "plain-first")), 3);
      expect(nodes.toSorted()).toEqual(origins);
      starts.add(nodes[0] ?? "");
    }
    expect(starts.size).toBe(3);
  });

  test("never stops, and never returns to the node that has just failed", () => {
    const nodes = failing(new NodeRotation(new NodeList(seeds, "z", seededRandom(seed), "plain-first")), 60);
    nodes.slice(1).forEach((node, at) => expect(node).not.toBe(nodes[at] ?? ""));
    expect(new Set(nodes.slice(30)).size).toBe(3);
  });

  test("with one node stays there", () => {
    const rotation = new NodeRotation(new NodeList(["http://a:1"], "z", seededRandom(seed), "plain-first"));
    rotation.rotate();
    expect(failing(rotation, 3)).toEqual(["http://a:1", "http://a:1", "http://a:1"]);
  });

  test("prefers the own zone, then other zones, then the seeds", () => {
    const nodes = new NodeList(seeds, "z1", seededRandom(seed), "plain-first");
    const rotation = new NodeRotation(nodes);
    const start = rotation.current;
    nodes.learn([
      registryNode("z2", "http://b:1"),
      registryNode("z1", "http://a1:1"),
      registryNode("z1", "grpc://x:1", "http://a2:1"),
    ]);
    expect(rotation.current).toBe(start);
    const order = failing(rotation, 6);
    expect(order.slice(1, 3).toSorted()).toEqual(["http://a1:1", "http://a2:1"]);
    expect(order[3]).toBe("http://b:1");
    expect(order.slice(4).toSorted()).toEqual(origins.filter((origin) => origin !== start));
  });

  test("returns to the best after a success, and takes turns among them alone", () => {
    const nodes = new NodeList(["http://s:1"], "z1", seededRandom(seed), "plain-first");
    nodes.learn([
      registryNode("z1", "http://a1:1"),
      registryNode("z1", "http://a2:1"),
      registryNode("z2", "http://b:1"),
    ]);
    const rotation = new NodeRotation(nodes);
    failing(rotation, 2);
    expect(rotation.current).toBe("http://b:1");
    rotation.succeed();
    const turns = Array.from({ length: 4 }, () => {
      rotation.rotate();
      return rotation.current;
    });
    expect(turns.slice(0, 2).toSorted()).toEqual(["http://a1:1", "http://a2:1"]);
    expect(turns.slice(2)).toEqual(turns.slice(0, 2));
  });

  test("leaves a node that the registry names no more; an empty list changes nothing", () => {
    const nodes = new NodeList(["http://s:1"], "z1", seededRandom(seed), "plain-first");
    nodes.learn([registryNode("z1", "http://a1:1")]);
    const rotation = new NodeRotation(nodes);
    nodes.learn([]);
    expect(rotation.current).toBe("http://a1:1");
    nodes.learn([registryNode("z1", "http://a2:1")]);
    expect(rotation.current).toBe("http://a2:1");
  });

  test("learns no node of plain text where only HTTPS is taken, whatever the registry lists", () => {
    const nodes = new NodeList(["https://s:1"], "z1", seededRandom(seed), "secure");
    nodes.learn([registryNode("z1", "http://evil:1"), registryNode("z1", "http://evil:2", "https://good:1")]);
    expect(nodes.all).toEqual(["https://good:1", "https://s:1"]);
    nodes.learn([registryNode("z1", "http://evil:1")]);
    expect(nodes.all).toEqual(["https://good:1", "https://s:1"]);
  });
});
