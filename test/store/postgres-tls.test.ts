// The store over TLS with a real server: what is verified, and what an operator is told.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { openClient } from "../../src/store/postgres/client.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { failureOf } from "../../src/store/postgres/failures.ts";
import { environmentOf, runTool } from "../../src/store/postgres/tools.ts";
import { type Pair, TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-postgres-tls-");
const both = "extendedKeyUsage=serverAuth,clientAuth";

describe.skipIf(!hasPostgres)("a PostgreSQL with TLS", () => {
  let ours: TestAuthority;
  let theirs: TestAuthority;
  let client: Pair;
  let server: PostgresServer;
  let url: string;
  beforeAll(async () => {
    [ours, theirs] = [new TestAuthority(folder), new TestAuthority(folder)];
    client = ours.leaf({ extra: both });
    server = await PostgresServer.start();
    url = await server.makeDatabase();
  });
  afterAll(() => server.stop());

  /** Serves TLS only to TCP, with this certificate; `clientcert=verify-ca` demands one of clients. */
  async function serve(pair: Pair, hosts = "hostssl all all 127.0.0.1/32 trust"): Promise<void> {
    const name = crypto.randomUUID();
    const [cert, key, ca] = [pair.certificate, pair.key, ours.root].map((path, at) =>
      server.file(`${name}.${at}`, readFileSync(path, "utf8")),
    );
    server.configure(
      ["ssl = on", `ssl_cert_file = '${cert}'`, `ssl_key_file = '${key}'`, `ssl_ca_file = '${ca}'`],
      `local all all trust\nhost postgres all 127.0.0.1/32 trust\n${hosts}\n`,
    );
    // A session that sees the files has started after the change.
    const socket = server.socketUrl(url);
    await until(async () => {
      const sql = new SQL({ ...socketOptions(socket), max: 1 });
      try {
        const [row] = await sql`SELECT current_setting('ssl_cert_file') AS file`;
        return row.file === cert;
      } finally {
        await sql.close({ timeout: 0 });
      }
    }, "the server has its new settings");
  }
  const socketOptions = (socket: string): SQL.Options => {
    const { searchParams, pathname } = new URL(socket);
    return {
      adapter: "postgres",
      hostname: searchParams.get("host") ?? "",
      port: Number(searchParams.get("port")),
      username: "postgres",
      database: pathname.slice(1),
    };
  };

  /** `TLS`, `plain text`, or why it cannot be used. */
  async function through(parameters: string, base = url): Promise<string> {
    const separator = base.includes("?") ? "&" : "?";
    let sql: SQL | undefined;
    try {
      sql = openClient({ url: `${base}${separator}${parameters}`, connectionsMax: 1, idleSecondsMax: 0 }, {});
      const [row] = await sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
      return row.ssl === true ? "TLS" : "plain text";
    } catch (error) {
      const failure = failureOf(error);
      return failure instanceof Error ? failure.message : String(failure);
    } finally {
      await sql?.close({ timeout: 0 });
    }
  }
  const ca = (path = ours.root): string => `sslrootcert=${encodeURIComponent(path)}`;

  test("is verified by the authority that the URL names, in every mode", async () => {
    await serve(ours.leaf({ extra: both }));
    for (const mode of ["", "sslmode=require&", "sslmode=verify-ca&", "sslmode=verify-full&", "sslmode=prefer&"])
      expect([mode, await through(`${mode}${ca()}`)]).toEqual([mode, "TLS"]);
    for (const mode of ["", "sslmode=require&", "sslmode=verify-ca&", "sslmode=verify-full&", "sslmode=prefer&"])
      expect([mode, await through(`${mode}${ca(theirs.root)}`)]).toEqual([
        mode,
        expect.stringMatching(
          /no authority that is known here; name the file of its authority in the URL: \?sslrootcert=FILE/,
        ),
      ]);
  });

  test("is verified by the system's authorities without one, and not at all by sslmode=require", async () => {
    await serve(ours.leaf({ extra: both }));
    expect(await through("sslmode=require")).toBe("TLS");
    for (const parameters of ["sslmode=verify-full", "sslmode=verify-ca", "sslmode=verify-full&sslrootcert=system"])
      expect(await through(parameters)).toMatch(/no authority that is known here/);
    expect(await through("sslmode=disable")).toMatch(/no encryption|no pg_hba/);
  });

  test("is refused if its certificate has expired or is for another host", async () => {
    await serve(ours.leaf({ extra: both, from: "20200101000000Z", to: "20210101000000Z" }));
    const expired = await through(`sslmode=verify-full&${ca()}`);
    expect(expired).toContain("its certificate has expired");
    expect(expired).not.toContain("sslrootcert");
    await serve(ours.leaf({ extra: both, names: "DNS:postgres.internal" }));
    expect(await through(`sslmode=verify-full&${ca()}`)).toContain("not for the address at which it was dialled");
    expect(await through(ca())).toContain("not for the address at which it was dialled");
    // This mode means the chain only.
    expect(await through(`sslmode=verify-ca&${ca()}`)).toBe("TLS");
    expect(await through(`sslmode=verify-ca&${ca(theirs.root)}`)).toMatch(/no authority that is known here/);
  });

  test("is verified whatever the environment says about unverified servers", async () => {
    await serve(ours.leaf({ extra: both }));
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      for (const parameters of [ca(theirs.root), "sslmode=verify-full", "sslmode=verify-ca"])
        expect(await through(parameters)).toMatch(/no authority that is known here/);
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  test("has a renewed authority: the file is read again when a connection cannot be verified", async () => {
    await serve(ours.leaf({ extra: both }));
    const file = join(folder, "renewed.pem");
    copyFileSync(ours.root, file);
    const connections = new Connections({ url: `${url}?${ca(file)}`, connectionsMax: 2, idleSecondsMax: 0 });
    const ask = (): Promise<string> =>
      connections
        .run(async (sql) => (await sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`)[0].ssl)
        .then(String, (error: unknown) => (error instanceof Error ? error.message : "no error"));
    try {
      expect(await ask()).toBe("true");
      await serve(theirs.leaf({ extra: both }));
      // What is verified already goes on.
      expect(await ask()).toBe("true");
      await server.endConnections(url);
      await until(async () => /no authority that is known/.test(await ask()), "a new connection is refused");
      copyFileSync(theirs.root, file);
      await until(async () => (await ask()) === "true", "the renewed file is used");
    } finally {
      await connections.close();
    }
  });

  test("that demands a certificate gets one", async () => {
    await serve(ours.leaf({ extra: both }), "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca");
    const pair = `sslcert=${encodeURIComponent(client.certificate)}&sslkey=${encodeURIComponent(client.key)}`;
    expect(await through(`${ca()}&${pair}`)).toBe("TLS");
    expect(await through(ca())).toMatch(/certificate/);
  });

  test("is verified by PostgreSQL's own programs in the same way", async () => {
    const psql = (parameters: string): Promise<string> =>
      runTool(
        ["psql", "--no-psqlrc", "-Atc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"],
        environmentOf(`${url}?${parameters}`),
        new AbortController().signal,
      ).then(
        (out) => out.trim(),
        (error: unknown) => String(error),
      );
    await serve(ours.leaf({ extra: both }));
    for (const mode of ["", "sslmode=require&", "sslmode=prefer&", "sslmode=verify-full&"]) {
      expect([mode, await psql(`${mode}${ca()}`)]).toEqual([mode, "t"]);
      expect([mode, await psql(`${mode}${ca(theirs.root)}`)]).toEqual([mode, expect.stringContaining("verify failed")]);
    }
    for (const parameters of ["sslmode=verify-full", "sslmode=verify-ca", "sslrootcert=system"])
      expect([parameters, await psql(parameters)]).toEqual([parameters, expect.stringContaining("verify failed")]);
    await serve(ours.leaf({ extra: both, names: "DNS:postgres.internal" }));
    expect(await psql(ca())).toContain("does not match host name");
    expect(await psql(`sslmode=verify-ca&${ca()}`)).toBe("t");
  });

  test("gets nothing but the request for TLS if it does not speak it: no user, no password", async () => {
    const heard: Buffer[] = [];
    const middle = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, chunk) {
          heard.push(Buffer.from(chunk));
          // The answer of a server without TLS.
          if (heard.length === 1) socket.write("N");
        },
      },
    });
    const base = `postgres://alice:s3cret@127.0.0.1:${middle.port}/roost`;
    const pair = `sslcert=${encodeURIComponent(client.certificate)}&sslkey=${encodeURIComponent(client.key)}`;
    for (const parameters of ["sslmode=require", "sslmode=verify-full", ca(), `sslmode=prefer&${ca()}`, pair]) {
      heard.length = 0;
      expect(await through(parameters, base)).not.toMatch(/^(TLS|plain text)$/);
      const bytes = Buffer.concat(heard);
      expect([parameters, bytes.toString("latin1").includes("s3cret"), bytes.includes("alice")]).toEqual([
        parameters,
        false,
        false,
      ]);
      // SSLRequest: its length, and a version that no protocol has.
      expect(bytes.subarray(0, 8).toString("hex")).toBe("0000000804d2162f");
    }
    middle.stop(true);
  });

  test("bad files and modes are refused with a sentence that shows no password", async () => {
    const rubbish = join(folder, "rubbish.pem");
    writeFileSync(rubbish, "rubbish");
    const base = "postgres://alice:s3cret@127.0.0.1:1/roost";
    const cases: readonly [string, string][] = [
      ["sslmode=always", 'sslmode "always" is unknown: expected disable, allow'],
      [`sslrootcert=${folder}/none`, "no such file"],
      [`sslrootcert=${rubbish}`, "has no certificate"],
      [`${ca()}&sslcert=${client.certificate}`, "is given without its key"],
    ];
    for (const [parameters, sentence] of cases) {
      const said = await through(parameters, base);
      expect(said).toContain(sentence);
      expect(said).not.toContain("s3cret");
    }
  });
});
