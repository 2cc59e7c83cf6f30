// What Patroni is told: three members, a commit that waits for standbys, and the shortest times that it takes. JSON is
// YAML, too.

import { join } from "node:path";
import { programFolder } from "../postgres-programs.ts";

/** How many standbys hold a commit before it is answered. */
export type Standbys = 0 | 1 | 2;

export interface MemberPorts {
  readonly postgres: number;
  readonly rest: number;
  /** Of its etcd: for clients, and for the other two. */
  readonly etcd: number;
  readonly etcdPeers: number;
}

interface MemberConfig {
  readonly name: string;
  readonly folder: string;
  readonly ports: MemberPorts;
  /** Of all etcds, `host:port`. */
  readonly etcds: readonly string[];
  readonly standbys: Standbys;
  /** Commits wait for the disk, too. */
  readonly isDurable: boolean;
}

/** The name of the whole. */
export const scope = "roost";
/** The role that owns the databases; it is no superuser. */
export const ownerRole = "roost";

/**
 * The settings of the whole. Where either of two standbys will do (`quorum`), the loss of one holds up no commit;
 * strict: without any, nothing is committed at all.
 */
function wholeOf(standbys: Standbys): object {
  return {
    // The least of each that Patroni takes, with loop_wait + 2 * retry_timeout <= ttl.
    ttl: 20,
    loop_wait: 1,
    retry_timeout: 3,
    // A primary that has crashed is not waited for.
    primary_start_timeout: 0,
    synchronous_mode: standbys === 0 ? "off" : "quorum",
    synchronous_mode_strict: standbys > 0,
    synchronous_node_count: Math.max(1, standbys),
    postgresql: {
      use_pg_rewind: true,
      parameters: {
        wal_keep_size: "1GB",
        // By default a standby that has found no primary looks for one again in 5 s only, and commits wait for it.
        wal_retrieve_retry_interval: "200ms",
      },
    },
  };
}

export function configOf({ name, folder, ports, etcds, standbys, isDurable }: MemberConfig): string {
  const postgres = `127.0.0.1:${ports.postgres}`;
  const rest = `127.0.0.1:${ports.rest}`;
  const config = {
    scope,
    name,
    restapi: { listen: rest, connect_address: rest },
    etcd3: { hosts: etcds },
    bootstrap: {
      dcs: wholeOf(standbys),
      initdb: [{ encoding: "UTF8" }, { auth: "trust" }, "data-checksums", "no-sync"],
    },
    postgresql: {
      listen: postgres,
      connect_address: postgres,
      bin_dir: programFolder,
      data_dir: join(folder, "data"),
      pgpass: join(folder, "pgpass"),
      authentication: { superuser: { username: "postgres" }, replication: { username: "postgres" } },
      pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
      parameters: { unix_socket_directories: folder, ...(isDurable ? {} : { fsync: "off" }) },
      // What a former primary has and no other is what nobody was told of.
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
    },
    watchdog: { mode: "off" },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
