// What servers that are measured are allowed: how fast they are is measured, and not where they stop a client. On a
// fast machine a sender alone passes the initial limits. Attacks are measured with those.

const most = 1_000_000_000;

/** For ROOST_LIMIT: what bounds requests, frames and deliveries of a client or a key, and how it makes groups grow. */
export const measuredLimits = [
  ...["requests-per-second", "requests-at-once", "frames-per-second", "frames-at-once"],
  ...["fan-out-per-second", "fan-out-at-once"],
  ...["group-changes-per-second", "group-changes-at-once", "members-added-per-second", "members-added-at-once"],
  ...["group-members", "api-requests-per-second", "api-requests-at-once"],
]
  .map((name) => `${name}=${most}`)
  .join(",");
