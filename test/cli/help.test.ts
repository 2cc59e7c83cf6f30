// What a person reads before anything works: the help, and the commands to try that the start prints.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { banner } from "../../src/cli/banner.ts";
import { webLink } from "../../src/cli/tls.ts";
import { commandHelp, generalHelp } from "../../src/cli/help.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { argsOf } from "../../src/cli/option-texts.ts";
import { roles } from "../../src/options/option.ts";
import { optionsOfRole } from "../../src/options/options.ts";
import { run } from "../../scripts/harness/server-process.ts";

test("help in a pipe is plain text; flags of the server ask for the server's options", async () => {
  const general = await run(["--help"], tmpdir());
  expect(general.out).toContain("\n\nEXAMPLES\n");
  expect(general.out).not.toContain("\u001B");
  for (const words of [
    ["--role", "gateway", "--help"],
    ["serve", "--help"],
    ["-h", "--role=chat"],
  ]) {
    const { status, out } = await run(words, tmpdir());
    expect([status, out]).toEqual([0, expect.stringContaining("--cluster-key-file=<file>")]);
    expect(out).not.toContain("\u001B");
    expect(out.split("\n").filter((line) => line.length > 100)).toEqual([]);
  }
}, 60_000);

test("help is of the command that is named, and a name that none has is refused", async () => {
  const { out } = await run(["kick", "--help"], tmpdir());
  expect(await run(["help", "kick"], tmpdir())).toMatchObject({ status: 0, out });
  for (const words of [
    ["kik", "--help"],
    ["help", "kik"],
  ])
    expect(await run(words, tmpdir())).toMatchObject({
      status: 2,
      out: "",
      err: expect.stringContaining('unknown command "kik"; did you mean kick?'),
    });
}, 60_000);

const commandNames = [
  "serve",
  "doctor",
  "token",
  "chat",
  "nodes",
  "limits",
  "kick",
  "revoke",
  "ban",
  "unban",
  "key create",
  "key list",
  "key revoke",
  "webhook set",
  "webhook remove",
  "webhook list",
  "webhook test",
  "webhook dead",
  "webhook replay",
  "api",
  "export",
  "import",
  "backup",
  "restore",
  "check",
  "repair",
  "purge",
  "cert",
  "cert show",
] as const;

function helpOf(name: keyof typeof optionsOf, role?: (typeof roles)[number]): string {
  return commandHelp({ meta: { name, description: "What it does" }, args: argsOf(name, optionsOf[name]) }, role);
}

test("every help fits 100 columns and shows each option of its command once", () => {
  const texts = [generalHelp("1.2.3", []), ...commandNames.map((name) => helpOf(name))];
  for (const line of texts.flatMap((text) => text.split("\n"))) expect(line.length).toBeLessThanOrEqual(100);
  for (const name of commandNames) {
    const shown = [...helpOf(name).matchAll(/^ {2}--([a-z-]+)/gm)].map(([, option]) => option ?? "");
    expect(shown.toSorted()).toEqual([...optionsOf[name]].toSorted());
  }
});

test("help of a role shows the options that mean something to it, in groups", () => {
  for (const role of roles) {
    const shown = [...helpOf("serve", role).matchAll(/^ {2}--([a-z-]+)/gm)].map(([, option]) => option ?? "");
    expect(shown.toSorted()).toEqual([...optionsOfRole(role)].toSorted());
  }
  expect(helpOf("serve", "login")).not.toContain("REGISTRY");
  expect(helpOf("serve")).not.toContain("OTHERS\n");
  expect(helpOf("serve")).toMatch(/THE PROCESS\n[^]*STORAGE\n[^]*CLIENTS\n[^]*CLUSTER\n[^]*REGISTRY/);
});

test("options say what they mean to the command", () => {
  for (const role of roles) expect(helpOf("serve")).toMatch(new RegExp(`--role=[^-]*\\b${role}\\b`));
  expect(helpOf("chat")).toContain("Who you are");
  expect(helpOf("token")).toContain("Whose token it is");
  expect(helpOf("kick")).toContain("Whose connections are ended");
  expect(helpOf("revoke")).toContain("Whose tokens are refused");
  // An option that a command shares with the server promises nothing of the server's.
  for (const name of commandNames)
    if (name !== "serve") expect(helpOf(name)).not.toContain("created if it does not exist");
});

test("a default is shown only where it counts", () => {
  expect(helpOf("nodes")).toContain("(default http://127.0.0.1:7171)");
  expect(helpOf("chat")).not.toContain("7171");
  expect(helpOf("limits")).not.toContain("standalone)");
  // A service without it does not start.
  for (const role of [undefined, "gateway"] as const)
    expect(helpOf("serve", role)).toMatch(
      /--discovery=<url,…> +Nodes of the registry, without which[^)]*\n {2}--cluster-key=/,
    );
  // Without --discovery they ask the standalone server.
  for (const name of ["kick", "revoke"] as const) {
    expect(helpOf(name)).toContain("whose chat nodes are asked");
    expect(helpOf(name)).not.toContain("(default http");
  }
});

test("the commands to try name the secret's file or the data folder, unless it is the default", () => {
  const parts = {
    version: "1",
    isSecure: false,
    addresses: { ws: "127.0.0.1:8000", tcp: undefined, monitor: undefined },
    dataFolder: "/d",
    dataOption: "./data",
    secretOption: undefined,
    storePath: "/d/messages.db",
    secretMadeAt: undefined,
  };
  expect(banner(parts)).toContain(" chat --account alice --to bob\n");
  expect(banner({ ...parts, dataOption: "d" })).toContain(" chat --data d --account alice");
  expect(banner({ ...parts, dataOption: "d", secretOption: "a key" })).toContain(
    " chat --secret-file 'a key' --account alice",
  );
});

test("the link to the web chat comes before the commands to try; without it the commands are all", () => {
  const addresses = { ws: "127.0.0.1:8000", tcp: undefined, monitor: undefined };
  const parts = {
    ...{ version: "1", isSecure: false, addresses, dataFolder: "/d", dataOption: "./data", secretOption: undefined },
    ...{ storePath: "/d/messages.db", secretMadeAt: undefined },
  };
  const link = webLink(addresses.ws, false, "abc");
  expect(banner({ ...parts, link })).toMatch(/\n {2}http:\/\/127\.0\.0\.1:8000\/#link=abc\n\nOr, in two other/);
  expect(banner(parts)).toContain("\n\nTry, in two other terminals:\n");
});

test("a link leads to this machine where the server listens at all addresses", () => {
  expect(webLink("0.0.0.0:80", true, "x")).toBe("https://127.0.0.1:80/#link=x");
  expect(webLink("[::]:80", false, "x")).toBe("http://[::1]:80/#link=x");
  expect(webLink("10.0.0.0:80", false, "x")).toBe("http://10.0.0.0:80/#link=x");
});
