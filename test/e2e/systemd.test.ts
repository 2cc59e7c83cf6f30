// Under systemd, as far as that can be seen where it does not run: its own checks of the units, the installation into a
// folder, what the process tells a service manager, and a cluster of what the units start, with their variables and
// their confinement.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { fingerprintOf } from "../../src/auth/secret.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { roles } from "../../src/options/option.ts";
import { type OptionName, options, optionsOfRole } from "../../src/options/options.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { NotifySocket } from "../support/notify-socket.ts";
import { roost, run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { environmentFile, Unit, unitFolder, unitOfRole } from "../support/systemd-unit.ts";

const installer = join(import.meta.dir, "../../scripts/install");
const confine = [process.execPath, join(import.meta.dir, "../support/confined-main.ts")];
/** What ProtectProc and ProcSubset of the units leave of /proc; nothing is hidden where mounting is not permitted. */
const hideProc = [
  "unshare",
  "--mount",
  "sh",
  "-c",
  'mount -t proc -o hidepid=invisible,subset=pid proc /proc && exec "$@"',
  "sh",
];
const canHideProc = Bun.spawnSync([...hideProc, "true"]).success;
const hasAnalyze = Bun.which("systemd-analyze") !== null;
const hasSeccomp = Bun.spawnSync(["sh", "-c", "ldconfig -p | grep -q libseccomp.so.2"]).success;
/** `systemd-analyze security` gives 0 to 10 points; a service with no confinement has 9.6. In tenths. */
const exposureMax = 20;
/** Keys of a newer systemd; an older one says that it leaves them out. */
const newerKeys = /Unknown key.*'(RestartSteps|RestartMaxDelaySec)'/;

let folder: string;
const ends: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-systemd-"));
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  rmSync(folder, { recursive: true, force: true });
});

const unit = (role: keyof typeof unitOfRole): Unit => new Unit(join(unitFolder, unitOfRole[role]));
const variable = (name: string): string => `ROOST_${name.toUpperCase().replaceAll("-", "_")}`;

/** Starts a command with nothing but the given variables, its log in a file; killed after the test. */
function spawn(command: readonly string[], variables: Record<string, string>, log = "log"): Subprocess {
  const child = Bun.spawn([...command], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...variables },
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, log)),
  });
  ends.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  return child;
}

function listenForNotices(name: string): NotifySocket {
  const socket = new NotifySocket(name);
  ends.push(() => socket.close());
  return socket;
}

describe("units", () => {
  test.skipIf(!hasAnalyze)(
    "systemd finds no fault with them",
    () => {
      const paths = readdirSync(unitFolder).filter((name) => /\.(service|target)$/.test(name));
      expect(paths).toHaveLength(6);
      for (const name of paths) {
        const text = readFileSync(join(unitFolder, name), "utf8");
        writeFileSync(join(folder, name), text.replace("/usr/local/bin/roost", "/bin/true"));
      }
      const files = paths.map((name) => join(folder, name.replace("@", "@1")));
      const { stderr, exitCode } = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", ...files]);
      const faults = stderr
        .toString()
        .split("\n")
        .filter((line) => line !== "" && !newerKeys.test(line));
      expect({ faults, exitCode }).toEqual({ faults: [], exitCode: 0 });
    },
    60_000,
  );

  test.skipIf(!hasAnalyze)(
    "systemd's measure of exposure is low, and would tell",
    () => {
      writeFileSync(join(folder, "open.service"), "[Service]\nExecStart=/bin/true\n");
      const passes = (path: string): boolean =>
        Bun.spawnSync(["systemd-analyze", "security", "--offline=true", `--threshold=${exposureMax}`, path]).success;
      expect(passes(join(folder, "open.service"))).toBe(false);
      for (const name of Object.values(unitOfRole))
        expect([name, passes(join(unitFolder, name))]).toEqual([name, true]);
    },
    60_000,
  );

  test("all are confined by the same lines", () => {
    const confinements = roles.map((role) => {
      const { text } = unit(role);
      const from = text.indexOf("NoNewPrivileges=");
      return text.slice(from, text.indexOf("UMask="));
    });
    expect(confinements[0]?.length).toBeGreaterThan(500);
    expect(new Set(confinements).size).toBe(1);
  });

  test.skipIf(!hasAnalyze || !hasSeccomp)("threads may lower their priority", () => {
    const main = join(import.meta.dir, "../support/niceness-main.ts");
    const path = join(unitFolder, unitOfRole.standalone);
    const { stdout } = Bun.spawnSync([...confine, path, process.execPath, main], { stderr: "inherit" });
    expect(stdout.toString()).toBe("7\n");
  });

  test("each says its role, and takes out no variable", () => {
    for (const role of roles) {
      expect([role, unit(role).values("UnsetEnvironment")]).toEqual([role, []]);
      expect(unit(role).values("ExecStart")).toEqual([`/usr/local/bin/roost --role ${role}`]);
    }
  });

  test("the example names every option that a unit leaves open, and each role takes all its lines", () => {
    const example = environmentFile(join(unitFolder, "roost.env"));
    // The unit says the role; a secret belongs into a file; a store is adopted once, and not at every start; a service
    // has no desktop.
    const left = ["role", "secret", "cluster-key", "adopt", "open"];
    const named = optionsOf.serve.filter((name) => !left.includes(name)).map(variable);
    expect(Object.keys(example).toSorted()).toEqual(named.toSorted());
    for (const role of roles) {
      const { ROOST_CONFIG: _, ...variables } = example;
      const values = new OptionValues(optionsOf.serve, ["--role", role], variables);
      expect(values.warnings).toEqual([]);
      for (const name of optionsOfRole(role)) values.optional(name);
    }
  });

  test("a default that the example shows is the true one", () => {
    const example = environmentFile(join(unitFolder, "roost.env"));
    // Those for which it shows an example, because no value suits all, or any.
    const shownOtherwise: readonly OptionName[] = [
      "id",
      "data",
      "monitor",
      "snapshot",
      "peers",
      "tags",
      "zone-weights",
      "trusted-proxies",
      "limit",
    ];
    const shown = optionsOf.serve.filter((name) => variable(name) in example && !shownOtherwise.includes(name));
    const withDefault = shown.filter((name) => options[name].fallback !== undefined);
    expect(withDefault.length).toBeGreaterThan(10);
    for (const name of withDefault) expect([name, example[variable(name)]]).toEqual([name, options[name].fallback]);
  });
});

describe("scripts/install", () => {
  const install = (...words: string[]): { status: number; said: string } => {
    const child = Bun.spawnSync([installer, "--root", join(folder, "a root"), ...words]);
    return { status: child.exitCode, said: `${child.stdout.toString()}${child.stderr.toString()}` };
  };
  const at = (path: string): string => join(folder, "a root", path);
  const mode = (path: string): number => statSync(at(path)).mode & 0o777;
  const binary = (): string[] => {
    const path = join(folder, "roost");
    writeFileSync(path, "#!/bin/sh\n");
    chmodSync(path, 0o755);
    return ["--binary", path];
  };

  test("makes configuration and secrets once, the latter for root's eyes, and brings the rest up to date", () => {
    const first = install(...binary());
    expect(first).toMatchObject({ status: 0 });
    expect(first.said).toContain("systemctl enable --now roost\n");
    for (const path of ["etc/roost/cluster-key", "etc/roost/token-secret", "etc/roost/roost.env"])
      expect(mode(path)).toBe(0o600);
    expect(mode("usr/local/bin/roost")).toBe(0o755);
    const key = readFileSync(at("etc/roost/cluster-key"), "utf8");
    const secret = readFileSync(at("etc/roost/token-secret"), "utf8");
    expect(Buffer.from(key, "base64")).toHaveLength(32);
    expect(secret).not.toBe(key);

    writeFileSync(at("etc/roost/roost.env"), "ROOST_ZONE=mine\n");
    writeFileSync(at("etc/systemd/system/roost.service"), "old");
    expect(install(...binary())).toMatchObject({ status: 0 });
    expect(readFileSync(at("etc/roost/cluster-key"), "utf8")).toBe(key);
    expect(readFileSync(at("etc/roost/token-secret"), "utf8")).toBe(secret);
    expect(readFileSync(at("etc/roost/roost.env"), "utf8")).toBe("ROOST_ZONE=mine\n");
    expect(readFileSync(at("etc/systemd/system/roost.service"), "utf8")).toBe(unit("standalone").text);
    expect(readdirSync(at("etc/roost")).toSorted()).toEqual(["cluster-key", "roost.env", "token-secret"]);
    expect(readdirSync(at("etc/systemd/system"))).toHaveLength(6);
  });

  test("other folders are written into the units", () => {
    expect(install(...binary(), "--prefix", "/opt/roost", "--etc", "/opt/etc", "--units", "/opt/units")).toMatchObject({
      status: 0,
    });
    const text = readFileSync(at("opt/units/roost-gateway@.service"), "utf8");
    expect(text).toContain("ExecStart=/opt/roost/bin/roost --role gateway\n");
    expect(text.match(/ \/opt\/etc\/roost\/\$\$key /g)).toHaveLength(2);
    expect(text).not.toMatch(/[= ]\/etc\/roost\/\$/);
    expect(text).not.toContain("=/etc/");
    expect(existsSync(at("opt/etc/roost/cluster-key"))).toBe(true);
  });

  test("--uninstall leaves data, configuration and secrets, and nothing else", () => {
    install(...binary());
    mkdirSync(at("var/lib/roost"), { recursive: true });
    writeFileSync(at("var/lib/roost/messages.db"), "");
    writeFileSync(at("etc/systemd/system/roost-notes.service"), "not ours");
    if (Bun.which("systemctl") !== null) {
      const enabled = Bun.spawnSync([
        "systemctl",
        `--root=${at("")}`,
        "enable",
        "roost.target",
        "roost-chat@2.service",
      ]);
      expect(enabled.exitCode).toBe(0);
      expect(readdirSync(at("etc/systemd/system/roost.target.wants")).toSorted()).toEqual([
        "roost-chat@1.service",
        "roost-chat@2.service",
        "roost-discovery@1.service",
        "roost-gateway@1.service",
        "roost-login@1.service",
      ]);
    }
    for (let time = 0; time < 2; time++) expect(install("--uninstall")).toMatchObject({ status: 0 });
    const files = readdirSync(at(""), { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
    expect(files.map(({ name }) => name).toSorted()).toEqual([
      "cluster-key",
      "messages.db",
      "roost-notes.service",
      "roost.env",
      "token-secret",
    ]);
  });

  test("what is wrong is refused before anything is written", () => {
    for (const [words, said] of [
      [["--binary", "/nowhere"], "scripts/build"],
      [["--fly"], "--fly"],
      [["--prefix"], "--prefix needs a value"],
      [["--prefix", "/a b"], "/a b"],
      [["--etc", "relative"], "relative"],
    ] as const) {
      const refused = install(...words);
      expect([words, refused.status === 0]).toEqual([words, false]);
      expect(refused.said).toContain(said);
    }
    expect(existsSync(at(""))).toBe(false);
  });
});

describe("a service manager", () => {
  const free = { ROOST_WS: "127.0.0.1:0", ROOST_TCP: "127.0.0.1:0", ROOST_MONITOR: "127.0.0.1:0" };

  for (const kind of ["a path", "an abstract name"]) {
    test(`hears at ${kind} that the process serves, lives and leaves`, async () => {
      const name = kind === "a path" ? join(folder, "notify") : `@roost-test-${process.pid}-${Date.now()}`;
      const manager = listenForNotices(name);
      const child = spawn(roost, { ...free, NOTIFY_SOCKET: name, WATCHDOG_USEC: "20000" });
      expect(await manager.told(/^READY=1$/m)).toMatch(/^STATUS=Ready on ws:\/\/127\.0\.0\.1:\d+, tcp:/m);
      await manager.told(/^WATCHDOG=1$/m);
      child.kill("SIGTERM");
      expect(await manager.told(/^STOPPING=1$/m)).toMatch(/^STATUS=Stopping after SIGTERM/m);
      expect(await child.exited).toBe(0);
      expect(manager.receive()[0]).toStartWith("READY=1\n");
    }, 60_000);
  }

  test("that is not there, or cannot be, is a warning; the server serves", async () => {
    for (const socket of [join(folder, "nobody"), "@roost-nobody", "vsock:2:1234"]) {
      const log = `log of ${socket.replaceAll("/", "-")}`;
      const child = spawn(roost, { ...free, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "5000" }, log);
      const said = (): string => readFileSync(join(folder, log), "utf8");
      await until(() => said().includes(" warn  the service manager"), `a warning about ${socket}`);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      // Once, however often it wanted to say that it lives.
      expect(said().split(" warn  the service manager")).toHaveLength(2);
    }
  }, 60_000);

  test.skipIf(!hasAnalyze || !hasSeccomp)(
    "starts a cluster from the units, confined to their system calls and their part of /proc",
    async () => {
      const [port] = await freePorts(1);
      const registry = `127.0.0.1:${port}`;
      const write = (keys: string): void => {
        for (const secret of ["cluster-key", "token-secret"])
          writeFileSync(join(folder, secret), keys, { mode: 0o600 });
      };
      write("0123456789abcdef0123456789abcdef\n");
      // What /etc/roost/roost.env and discovery.env might say; a role ignores what is not meant for it.
      const shared = { ROOST_DISCOVERY: `http://${registry}`, ROOST_LISTEN: "0.0.0.0:0", ROOST_RETENTION: "7d" };
      const files: Partial<Record<string, Record<string, string>>> = {
        discovery: { ROOST_LISTEN: registry },
        gateway: { ROOST_WS: "127.0.0.1:0", ROOST_TCP: "127.0.0.1:0" },
      };
      const specifiersOf = (role: string): Record<string, string> => ({
        S: folder,
        t: join(folder, "run"),
        H: "host",
        i: "1",
        p: `roost-${role}`,
      });
      /** What root does; the folder of the configuration is the test's. */
      const copyKeys = (role: keyof typeof unitOfRole, key: string): void => {
        const commands = unit(role).shellCommands(key, specifiersOf(role));
        expect(commands).toHaveLength(1);
        for (const command of commands)
          expect(Bun.spawnSync(["sh", "-c", command.replaceAll("/etc/roost/", `${folder}/`)])).toMatchObject({
            exitCode: 0,
          });
      };
      mkdirSync(join(folder, "roost"));
      mkdirSync(join(folder, "run"));
      const children: { role: keyof typeof unitOfRole; child: Subprocess; manager: NotifySocket }[] = [];
      let tcp = "";
      for (const role of ["discovery", "login", "chat", "gateway"] as const) {
        copyKeys(role, "ExecStartPre");
        const variables = { ...unit(role).environment(specifiersOf(role)), ...shared, ...files[role] };
        const manager = listenForNotices(join(folder, `${role}.notify`));
        const words = [...roost, ...(unit(role).values("ExecStart")[0] ?? "").split(" ").slice(1)];
        const child = spawn(
          [...(canHideProc ? hideProc : []), ...confine, join(unitFolder, unitOfRole[role]), ...words],
          {
            ...variables,
            NOTIFY_SOCKET: manager.name,
          },
          role,
        );
        children.push({ role, child, manager });
        const ready = await manager.told(/^READY=1$/m);
        tcp = /tcp:\/\/[\d.:]+/.exec(ready)?.[0] ?? "";
      }
      // A status follows what happens: a node without peers to work with has found them.
      for (const { manager } of children) await manager.told(/^STATUS=Ready on/m);
      const chat = ["chat", "--url", tcp, "--secret-file", join(folder, "token-secret")];
      expect(await run([...chat, "--account", "alice", "--to", "bob"], folder, "hello\n")).toMatchObject({ status: 0 });
      expect((await run([...chat, "--account", "bob", "--to", "alice"], folder)).out).toContain("alice: hello");
      // A reload: root copies the keys again, then each process reads its copies.
      write("a new key of all that is here\n0123456789abcdef0123456789abcdef\n");
      for (const { role, child } of children) {
        copyKeys(role, "ExecReload");
        expect(unit(role).values("ExecReload").at(-1)).toBe("/bin/kill -HUP $MAINPID");
        child.kill("SIGHUP");
        const fingerprint = fingerprintOf(new TextEncoder().encode("a new key of all that is here"));
        const said = role === "gateway" ? ["cluster keys", "keys of the client tokens"] : ["cluster keys"];
        for (const keys of said)
          await until(
            () => readFileSync(join(folder, role), "utf8").includes(`the ${keys} were read again (${fingerprint}`),
            `${role} has read the ${keys} again`,
          );
        expect(readFileSync(join(folder, role), "utf8")).not.toContain("the secret file");
      }
      expect(statSync(join(folder, "run/roost-keys/roost-gateway-1/token-secret")).mode & 0o777).toBe(0o400);
      for (const { role, child } of children.toReversed()) {
        child.kill("SIGTERM");
        expect([role, await child.exited]).toEqual([role, 0]);
      }
    },
    90_000,
  );
});
