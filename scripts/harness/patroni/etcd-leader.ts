// The leader of etcd, on a machine that is about to hang. When it hangs for longer than the leases of the others and
// goes on, a leader before 3.4.31, or 3.5.13, revokes them (etcd-io/etcd#15247): Patroni's former primary takes the
// lead back, and what its successor has acknowledged is lost. So it leads no more when it hangs.

import { until } from "../until.ts";

const answerMsMax = 2_000;
/** A new leader lets all leases begin anew, and half a second later: longer than Patroni takes to renew its own. */
const renewedMs = 2_500;

interface Status {
  readonly version: string;
  /** Of the member that leads. */
  readonly leader: string;
  readonly header: { readonly member_id: string };
}

async function ask(port: number, what: string, words: object): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}/v3/maintenance/${what}`, {
    method: "POST",
    body: JSON.stringify(words),
    signal: AbortSignal.timeout(answerMsMax),
  });
  if (!answer.ok) throw new Error(`etcd at ${port} refuses ${what}: ${await answer.text()}`);
  return answer.json();
}

async function statusOf(port: number): Promise<Status> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- etcd's own JSON
  return (await ask(port, "status", {})) as Status;
}

function revokesOthersLeases(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major === 3 && (minor < 4 || (minor === 4 && patch < 31) || (minor === 5 && patch < 13));
}

/** Makes another etcd the leader where the one at a port leads and may not hang; `other`: the port of one that runs. */
export async function leadElsewhere(port: number, other: number): Promise<void> {
  const { version, leader, header } = await statusOf(port);
  if (leader !== header.member_id || !revokesOthersLeases(version)) return;
  await ask(port, "transfer-leadership", { targetID: (await statusOf(other)).header.member_id });
  await until(async () => (await statusOf(port)).leader !== header.member_id, "another etcd leads");
  await Bun.sleep(renewedMs);
}
