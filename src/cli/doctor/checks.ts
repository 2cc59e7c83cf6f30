// The table of what roost doctor checks: a check is one row.

import { clientRoles, clusterRoles, memberRoles, roles } from "../../options/option.ts";
import { readNodeTls, readTls } from "../tls.ts";
import { advertisedAddress, checkAdvertised, checkExposure, checkListeners } from "./addresses.ts";
import { certificateCheck } from "./certificates.ts";
import type { Check } from "./finding.ts";
import { checkFolders, checkLocks } from "./folders.ts";
import { checkGrowth } from "./growth.ts";
import { checkClusterKey, checkLocalKey, checkTokenKeys } from "./keys.ts";
import { checkBacklog, checkDescriptors, checkMemory } from "./machine.ts";
import { checkMedia } from "./media.ts";
import { checkOptions, checkRules } from "./options.ts";
import { checkRegistry } from "./registry.ts";
import { checkSessions, checkStore } from "./stores.ts";
import { checkWebhooks } from "./webhooks.ts";

/** In the order of the output. */
export const checks: readonly Check[] = [
  { name: "options", of: roles, run: checkOptions },
  { name: "rules", of: ["gateway", "discovery"], run: checkRules },
  { name: "token keys", of: clientRoles, run: checkTokenKeys },
  { name: "api key", of: ["standalone"], run: checkLocalKey },
  { name: "webhooks", of: ["standalone", "chat"], run: checkWebhooks },
  { name: "cluster key", of: clusterRoles, run: checkClusterKey },
  certificateCheck("client certificate", clientRoles, ({ values }, notes) => {
    return readTls(values, notes).tls?.context.certificate;
  }),
  certificateCheck("node certificate", roles, ({ values, role }, notes) => {
    const tls = readNodeTls(values, role, notes);
    // Others dial the advertised host, which has to be in the certificate.
    if (role !== "standalone") tls?.requireName(advertisedAddress({ values, role }));
    if (memberRoles.some((member) => member === role)) tls?.requireBothPurposes();
    return tls?.certificate;
  }),
  { name: "addresses", of: roles, run: checkListeners },
  { name: "exposure", of: ["standalone", ...memberRoles], run: checkExposure },
  { name: "advertised", of: clusterRoles, run: checkAdvertised },
  { name: "open files", of: roles, run: checkDescriptors },
  { name: "memory", of: roles, run: checkMemory },
  { name: "backlog", of: roles, run: checkBacklog },
  { name: "folders", of: roles, run: checkFolders },
  { name: "locks", of: ["standalone", "chat"], run: checkLocks },
  { name: "store", of: ["standalone", "chat"], run: checkStore },
  { name: "media", of: ["standalone", "chat"], run: checkMedia },
  { name: "growth", of: ["standalone", "chat"], run: checkGrowth },
  { name: "sessions", of: ["login", "chat"], run: checkSessions },
  { name: "registry", of: clusterRoles, run: checkRegistry },
];
