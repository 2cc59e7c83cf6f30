// All attacks, in the order in which they are made.

import type { Attack } from "./attack.ts";
import { controlFrames } from "./clients/control-frames.ts";
import { groupMaking } from "./clients/group-making.ts";
import { largeAnswers } from "./clients/large-answers.ts";
import { largeGroups } from "./clients/large-groups.ts";
import { linkStrangers } from "./clients/link-strangers.ts";
import { oddHeaders } from "./clients/odd-headers.ts";
import { signIns } from "./clients/sign-ins.ts";
import { strangers } from "./clients/strangers.ts";
import { dnsAttacks } from "./registry/dns.ts";
import { registryFill } from "./registry/fill.ts";
import { registryReads } from "./registry/reads.ts";
import { slowBodies } from "./registry/slow-bodies.ts";

export const attacks: readonly Attack[] = [
  ...strangers,
  signIns,
  ...controlFrames,
  oddHeaders,
  ...largeGroups,
  groupMaking,
  ...largeAnswers,
  linkStrangers,
  ...registryReads,
  slowBodies,
  registryFill,
  ...dnsAttacks,
];
