// What a person sees when the server has started: where it listens, where its data are, what to try next.

import type { RunningMember } from "../node/member.ts";
import type { RunningDiscovery, RunningStandalone } from "../roles/settings.ts";

/** How this program was started, as a person would type it again. */
function invocation(): string {
  const asked = process.env["ROOST_INVOKED_AS"];
  if (asked !== undefined && asked !== "") return asked;
  const script = process.argv[1] ?? "";
  // A compiled binary has its source under a virtual root.
  return script.startsWith("/$bunfs/") ? quoted(process.execPath) : `bun ${quoted(script)}`;
}

const quoted = (text: string): string => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** The lines of the banner. */
export function banner(parts: {
  version: string;
  addresses: RunningStandalone["addresses"];
  dataFolder: string;
  /** As the user wrote it; part of the commands to try only when it is not the default. */
  dataOption: string;
  /** The file of the secret as the user wrote it; undefined if none was named. */
  secretOption: string | undefined;
  storePath: string;
  secretMadeAt: string | undefined;
}): string {
  const { addresses, dataFolder, storePath, secretMadeAt } = parts;
  const lines = [`roost ${parts.version}: ready`, ""];
  const line = (name: string, value: string): void => void lines.push(`  ${name.padEnd(10)} ${value}`);
  line("websocket", addresses.ws === undefined ? "off" : `ws://${addresses.ws}`);
  line("tcp", addresses.tcp === undefined ? "off" : `tcp://${addresses.tcp}`);
  line("monitor", addresses.monitor === undefined ? "off" : `http://${addresses.monitor}/health, /metrics`);
  line("data", dataFolder);
  if (!storePath.startsWith(dataFolder)) line("store", storePath);
  if (secretMadeAt !== undefined) line("secret", `${secretMadeAt} (made now; it signs tokens, keep it to yourself)`);
  const url =
    addresses.ws === undefined
      ? addresses.tcp === undefined
        ? undefined
        : `tcp://${addresses.tcp}`
      : `ws://${addresses.ws}`;
  if (url !== undefined) {
    const { dataOption, secretOption } = parts;
    const data = dataOption === "./data" ? "" : ` --data ${quoted(dataOption)}`;
    const where = secretOption === undefined ? data : ` --secret-file ${quoted(secretOption)}`;
    const at = url === "ws://127.0.0.1:8000" ? "" : ` --url ${url}`;
    lines.push("", "Try, in two other terminals:");
    lines.push(`  ${invocation()} chat${where}${at} --account alice --to bob`);
    lines.push(`  ${invocation()} chat${where}${at} --account bob --to alice`);
  }
  return `${lines.join("\n")}\n`;
}

/** The same for a node of the registry. */
export function discoveryBanner(parts: {
  version: string;
  addresses: RunningDiscovery["addresses"];
  hasKey: boolean;
}): string {
  const { http, advertised, dns } = parts.addresses;
  return [
    `roost ${parts.version} discovery: ready`,
    "",
    `  http       http://${http}/discovery/, /api/lookup/, /health, /metrics`,
    ...(advertised === http ? [] : [`  advertised ${advertised}`]),
    `  dns        ${dns === undefined ? "off" : `${dns}, UDP and TCP`}`,
    `  writes     ${parts.hasKey ? "with the cluster key" : "by everybody who reaches it"}`,
    "",
    "See what is registered:",
    `  ${invocation()} nodes --discovery http://${http}`,
    "",
  ].join("\n");
}

/** The same for a service that is a process of its own. */
export function memberBanner(parts: {
  version: string;
  role: string;
  id: string;
  addresses: RunningMember["addresses"];
}): string {
  const { ws, tcp, link, monitor } = parts.addresses;
  const rows = [
    ["id", parts.id],
    ["websocket", ws && `ws://${ws}`],
    ["tcp", tcp && `tcp://${tcp}`],
    ["links", link],
    ["monitor", monitor === undefined ? "off" : `http://${monitor}/health, /metrics`],
  ] as const;
  const lines = rows.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(10)} ${value}`]));
  return [`roost ${parts.version} ${parts.role}: ready`, "", ...lines, ""].join("\n");
}
