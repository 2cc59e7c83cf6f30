// The codes of the API's answers, for clients, nodes and this server alike.

export const Code = {
  Ok: 0,
  NotModified: -304,
  BadRequest: -400,
  Unauthorized: -401,
  NotFound: -404,
  Conflict: -409,
  /** Among others of a node that is starting. */
  ServerError: -500,
  LimitExceeded: -509,
} as const;
export type Code = (typeof Code)[keyof typeof Code];
