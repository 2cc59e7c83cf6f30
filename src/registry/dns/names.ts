// The names below the domain:
//
//   _<service>._<proto>.<zone>   the instances of a service in one zone     _<service>._<proto>   in all zones
//   <service>.service            the same, whatever the protocol            <id>.node             one instance
//   <hex of an IP>.addr          an IP address                              ns                    the registry's nodes
//
// Services, ids and zones may contain dots. ASCII letters of either case are equal (RFC 4343).

import { addressBytes } from "../../transport/address-ranges.ts";
import { asciiLower } from "../name-index.ts";

/** A parsed name. Parts that are looked up in the table keep their case. */
export type DnsName =
  | { readonly kind: "apex" }
  | { readonly kind: "name-server" }
  /** Has no records, but names may exist below it. */
  | { readonly kind: "ancestor" }
  /** The same, if the zone exists. */
  | { readonly kind: "zone"; readonly zone: string }
  | {
      readonly kind: "service";
      readonly service: string;
      /** Without the underscore, in lower case; undefined for `<service>.service`. */
      readonly protocol: string | undefined;
      /** In lower case; undefined for all zones. */
      readonly zone: string | undefined;
    }
  | { readonly kind: "node"; readonly id: string }
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "none" };

/** Parses the labels to the left of the domain, leftmost first. */
export function parseName(labels: readonly string[]): DnsName {
  const [first] = labels;
  if (first === undefined) return { kind: "apex" };
  // A dot inside a label is not a dot between labels.
  if (labels.some((label) => label.includes("."))) return { kind: "none" };
  if (first.startsWith("_")) return parseServiceName(labels);
  const rest = labels.slice(0, -1).join(".");
  switch (asciiLower(labels.at(-1) ?? "")) {
    case "node":
      return rest === "" ? { kind: "ancestor" } : { kind: "node", id: rest };
    case "service":
      return rest === ""
        ? { kind: "ancestor" }
        : { kind: "service", service: rest, protocol: undefined, zone: undefined };
    case "addr":
      return rest === "" ? { kind: "ancestor" } : parseAddressName(rest);
    case "ns":
      return { kind: rest === "" ? "name-server" : "none" };
    default:
      // The rest of a service's name after its first label is an ancestor: `b._tcp` of `_a.b._tcp` (RFC 8020).
      return labels.some((label) => label.startsWith("_"))
        ? { kind: "ancestor" }
        : { kind: "zone", zone: asciiLower(labels.join(".")) };
  }
}

/** Returns the label of an IP address: its bytes in hexadecimal. */
export function addressLabel(address: string): string {
  return addressBytes(address).toString("hex");
}

/** `_<service>._<proto>[.<zone>]`: the last label with an underscore is the protocol. */
function parseServiceName(labels: readonly string[]): DnsName {
  const at = labels.findLastIndex((label) => label.startsWith("_"));
  const service = labels.slice(0, at).join(".").slice(1);
  const protocol = asciiLower(labels[at] ?? "").slice(1);
  const zone = labels.length > at + 1 ? asciiLower(labels.slice(at + 1).join(".")) : undefined;
  if (protocol === "") return { kind: "none" };
  if (at === 0) return zone === undefined ? { kind: "ancestor" } : { kind: "zone", zone };
  return service === "" ? { kind: "none" } : { kind: "service", service, protocol, zone };
}

function parseAddressName(label: string): DnsName {
  if (/^[0-9a-f]{8}$/i.test(label)) return { kind: "address", address: Buffer.from(label, "hex").join(".") };
  if (!/^[0-9a-f]{32}$/i.test(label)) return { kind: "none" };
  return { kind: "address", address: asciiLower(label).replace(/(.{4})(?!$)/g, "$1:") };
}
