// Which token a node is shown: the first one, or the one that it has taken before.

import { describe, expect, test } from "bun:test";
import { TokenChoice } from "../../src/registry/client/token-choice.ts";

/** Nodes that take certain tokens, and remember what was shown to them. */
class Nodes {
  readonly taken = new Map<string, readonly string[]>();
  readonly shown: string[] = [];

  ask(choice: TokenChoice, node: string): Promise<"taken" | "refused"> {
    return choice.ask(
      node,
      async ({ authorization = "" }) => {
        const token = authorization.replace("Bearer ", "");
        this.shown.push(token);
        return this.taken.get(node)?.includes(token) === true ? "taken" : "refused";
      },
      (reply) => reply === "refused",
    );
  }

  /** What was shown since the last call. */
  since(): string[] {
    return this.shown.splice(0);
  }
}

describe("a node", () => {
  test("that takes the first token is shown no other", async () => {
    const nodes = new Nodes();
    nodes.taken.set("n", ["a", "b"]);
    const choice = new TokenChoice(() => ["a", "b"]);
    expect(await nodes.ask(choice, "n")).toBe("taken");
    expect(await nodes.ask(choice, "n")).toBe("taken");
    expect(nodes.since()).toEqual(["a", "a"]);
  });

  test("that takes a later one is shown that token first from then on, and another node is not", async () => {
    const nodes = new Nodes();
    nodes.taken.set("n", ["c"]).set("m", ["a"]);
    const choice = new TokenChoice(() => ["a", "b", "c"]);
    expect(await nodes.ask(choice, "n")).toBe("taken");
    expect(nodes.since()).toEqual(["a", "b", "c"]);
    expect(await nodes.ask(choice, "n")).toBe("taken");
    expect(await nodes.ask(choice, "m")).toBe("taken");
    expect(nodes.since()).toEqual(["c", "a"]);
  });

  test("that takes another one after a restart is found out again", async () => {
    const nodes = new Nodes();
    nodes.taken.set("n", ["b"]);
    const choice = new TokenChoice(() => ["a", "b", "c"]);
    await nodes.ask(choice, "n");
    nodes.since();
    nodes.taken.set("n", ["a", "c"]);
    expect(await nodes.ask(choice, "n")).toBe("taken");
    expect(await nodes.ask(choice, "n")).toBe("taken");
    expect(nodes.since()).toEqual(["b", "a", "a"]);
  });

  test("that takes none is shown each once, and its refusal is the reply", async () => {
    const nodes = new Nodes();
    const choice = new TokenChoice(() => Array.from({ length: 16 }, (_, at) => `token ${at}`));
    expect(await nodes.ask(choice, "n")).toBe("refused");
    expect(nodes.since()).toHaveLength(16);
  });

  test("is shown nothing by who has no token", async () => {
    const nodes = new Nodes();
    nodes.taken.set("n", [""]);
    expect(await nodes.ask(new TokenChoice(() => []), "n")).toBe("taken");
    expect(await nodes.ask(new TokenChoice(() => []), "m")).toBe("refused");
    expect(nodes.since()).toEqual(["", ""]);
  });
});

test("what is remembered is bounded: the oldest of very many nodes is asked anew", async () => {
  const nodes = new Nodes();
  const choice = new TokenChoice(() => ["a", "b"]);
  for (let at = 0; at <= 256; at++) {
    nodes.taken.set(`n${at}`, ["b"]);
    await nodes.ask(choice, `n${at}`);
  }
  nodes.since();
  await nodes.ask(choice, "n256");
  expect(nodes.since()).toEqual(["b"]);
  await nodes.ask(choice, "n0");
  expect(nodes.since()).toEqual(["a", "b"]);
});

test("a request that fails is not repeated with another token", async () => {
  let requests = 0;
  const choice = new TokenChoice(() => ["a", "b"]);
  const asked = choice.ask(
    "n",
    () => {
      requests++;
      return Promise.reject(new Error("the node is away"));
    },
    () => true,
  );
  await expect(asked).rejects.toThrow("the node is away");
  expect(requests).toBe(1);
});

test("tokens that are others by now are shown, and one that is gone no more", async () => {
  const nodes = new Nodes();
  nodes.taken.set("n", ["a"]).set("m", ["b"]);
  let tokens = ["a", "b"];
  const choice = new TokenChoice(() => tokens);
  expect([await nodes.ask(choice, "n"), await nodes.ask(choice, "m")]).toEqual(["taken", "taken"]);
  expect(nodes.since()).toEqual(["a", "a", "b"]);
  tokens = ["c", "a"];
  nodes.taken.set("m", ["b", "c"]);
  expect([await nodes.ask(choice, "n"), await nodes.ask(choice, "m")]).toEqual(["taken", "taken"]);
  expect(nodes.since()).toEqual(["c", "a", "c"]);
});
