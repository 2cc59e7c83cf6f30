// The tables of the API's keys, and of banned accounts.

export const keyTables = `
-- hash: SHA-256 of the key, in hexadecimal digits; nobody can tell the key from it. version: from the sequence of
-- messages; each change of a row takes a new one. scopes: joined by commas. revoked_ms: 0 while it is in force.
CREATE TABLE roost.api_key (
  version bigint NOT NULL UNIQUE,
  created_ms bigint NOT NULL,
  revoked_ms bigint NOT NULL,
  id text COLLATE "C" PRIMARY KEY,
  hash text COLLATE "C" NOT NULL UNIQUE,
  app text COLLATE "C" NOT NULL,
  scopes text COLLATE "C" NOT NULL,
  name text NOT NULL
);
`;

export const banTables = `
-- Part of the account's row of kind 'revoke' in roost.revocation, which each change replaces. It is a table of its own
-- for programs of schema 8, which write to that one. Accounts may have no row in roost.account.
CREATE TABLE roost.ban (
  until_ms bigint NOT NULL,
  app text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  PRIMARY KEY (app, account)
);
`;
