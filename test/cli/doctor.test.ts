// The parts of roost doctor that need no server.

import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { checks } from "../../src/cli/doctor/checks.ts";
import { clockFindings } from "../../src/cli/doctor/clocks.ts";
import { examine } from "../../src/cli/doctor/examine.ts";
import { type Check, ok, problem, type Subject } from "../../src/cli/doctor/finding.ts";
import { ownersOf } from "../../src/cli/doctor/port-owner.ts";
import { checkRegistry } from "../../src/cli/doctor/registry.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { StartError, UsageError } from "../../src/cli/usage-error.ts";
import { type Role, roles } from "../../src/options/option.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const subject = (role: Role, ...words: string[]): Subject => ({
  role,
  values: new OptionValues(optionsOf.doctor, ["--role", role, ...words], {}),
});
const check = (name: string, run: Check["run"]): Check => ({ name, of: roles, run });

describe("the examination", () => {
  test("says that a check failed by a bug or was late, and hides no other", async () => {
    const rows = [
      check("first", () => [ok("fine")]),
      check("broken", () => {
        throw new TypeError("x is not a function");
      }),
      check("rejected", () => Promise.reject(new TypeError("y is not a function"))),
      check("endless", () => new Promise(() => undefined)),
      check("refused", () => {
        throw new StartError("the file is empty; fill it");
      }),
      check("last", () => [problem("bad"), ok("good")]),
    ];
    const lines = await examine(rows, subject("standalone"), 20);
    expect(lines.map((line) => [line.check, line.level])).toEqual([
      ["first", "ok"],
      ["broken", "problem"],
      ["rejected", "problem"],
      ["endless", "problem"],
      ["refused", "problem"],
      ["last", "problem"],
      ["last", "ok"],
    ]);
    const texts = lines.map(({ text }) => text);
    expect(texts[1]).toMatch(
      /^the check itself failed, which is a bug; please report it: x is not a function \(.+:\d+\)$/,
    );
    expect(texts[2]).toContain("y is not a function");
    expect(texts.slice(3, 5)).toEqual(["no answer within 0.02 s", "the file is empty; fill it"]);
  });

  test("tells once what keeps several checks from running", async () => {
    const fails = (): never => {
      throw new UsageError("--ws: invalid value");
    };
    const lines = await examine([check("options", fails), check("addresses", fails)], subject("standalone"));
    expect(lines.map(({ level, text }) => `${level} ${text}`)).toEqual([
      "problem --ws: invalid value",
      'warning not checked, because of the problem of "options"',
    ]);
  });

  test("is of the role: each has options, addresses and open files to check, and no name twice", () => {
    for (const role of roles) {
      const names = checks.filter(({ of }) => of.includes(role)).map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(["options", "addresses", "open files"]));
      expect(new Set(names).size).toBe(names.length);
    }
  });
});

describe("a clock elsewhere", () => {
  const judged = (fromMs: number, toMs: number) => {
    return clockFindings("it", { fromMs, toMs, askedMs: 100_000, heardMs: 101_000 });
  };
  test.each([
    ["within the time of the request", 100_500, 100_500, undefined],
    ["a second ahead", 102_000, 103_000, undefined],
    ["three seconds ahead", 104_000, 105_000, "warning the clock of it is at least 3 s ahead of this machine's"],
    ["three seconds behind", 96_000, 97_000, "warning the clock of it is at least 3 s behind this machine's"],
    ["an hour ahead", 3_701_000, 3_702_000, "problem the clock of it is at least 3600 s ahead of this machine's"],
  ])("%s", (_, fromMs, toMs, expected) => {
    const [finding] = judged(fromMs, toMs);
    if (expected === undefined) expect(finding).toBeUndefined();
    else expect(`${finding?.level} ${finding?.text}`).toStartWith(expected);
  });

  test("is that of a registry node by the header date", async () => {
    const node = createServer((request, response) => {
      response.sendDate = false;
      response.setHeader("date", new Date(Date.now() - 30_000).toUTCString());
      const code = request.headers.authorization === undefined ? -401 : -404;
      response.end(JSON.stringify({ code, message: "" }));
    });
    await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${addressOf(node.address()).port}`;
      const key = join(temporaryFolder("roost-doctor-"), "key");
      writeFileSync(key, "a key that the cluster shares", { mode: 0o600 });
      const found = await checkRegistry(subject("login", "--discovery", url, "--cluster-key-file", key));
      expect(found).toHaveLength(1);
      expect(found[0]?.level).toBe("warning");
      expect(found[0]?.text).toMatch(/^the clock of http:\S+ is at least (28|29|30) s behind this machine's; let NTP/);
    } finally {
      node.close();
    }
  });
});

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("it listens at a port");
  return address;
}

test("the owner of a port is the process that listens there", () => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  expect(ownersOf(port).map(({ pid }) => pid)).toEqual([process.pid]);
  listener.stop(true);
  expect(ownersOf(port)).toEqual([]);
});
