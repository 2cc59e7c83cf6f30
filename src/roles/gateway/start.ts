// The gateway as a process of its own.

import { RareLog } from "../../base/rare-log.ts";
import { mediaOriginsOf } from "../../options/media.ts";
import { Site } from "../../site/site.ts";
import { formatAddress, reachableHost } from "../../transport/address.ts";
import { type RunningMember, startMember } from "../../node/member.ts";
import type { GatewaySettings } from "../settings.ts";
import { GatewayRole } from "./gateway-role.ts";
import { tokenVerifierOf } from "./token-keys.ts";

/** Of the time that a drain may take, what is kept for leaving and closing. */
const closingMs = 3_000;
/** Clients are sent away over this time, so that they do not all sign in elsewhere at once. */
const spreadMs = 3_000;

/** Starts it; rejects when an address cannot be opened, and with IdTaken. */
export function startGateway(settings: GatewaySettings): Promise<RunningMember> {
  return startMember(settings, "gateway", async ({ environment, wheel, flusher, serviceMetrics }) => {
    const gateway = new GatewayRole(environment, {
      ...settings,
      verifier: tokenVerifierOf(settings, environment.clock),
      wheel,
      flusher,
      metrics: serviceMetrics,
      pages: settings.web
        ? new Site({
            mediaOrigins: mediaOriginsOf(settings.media),
            rareLog: new RareLog(settings.log, environment.clock),
          })
        : undefined,
      publicUrl: (scheme, bound) => settings.publicUrl ?? `${scheme}://${reachable(settings, bound)}`,
    });
    const { ws, tcp, link } = await gateway.start();
    return {
      addresses: { link, ws, tcp },
      health: () => {
        const missing = gateway.missingServices();
        const { troubles } = gateway;
        return {
          ready: missing.length === 0 && gateway.isListed && Object.keys(troubles).length === 0,
          detail: {
            role: "gateway",
            connections: gateway.connections,
            nodes: gateway.linkedNodes,
            missing: missing.join(","),
            ...troubles,
            ...gateway.remarks,
          },
        };
      },
      reload: () => gateway.reload(),
      drain: () => gateway.drain(settings.limits.values.shutdownMs - closingMs, spreadMs),
    };
  });
}

/** The bound address with the host by which clients reach it. */
function reachable({ advertise }: GatewaySettings, bound: string): string {
  const colon = bound.lastIndexOf(":");
  const host = bound.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return formatAddress(advertise?.host ?? reachableHost(host), Number(bound.slice(colon + 1)));
}
