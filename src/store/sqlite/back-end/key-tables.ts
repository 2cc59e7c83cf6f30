// The tables of the API's keys, and of banned accounts.

export const keyTables = `
  -- hash: SHA-256 of the key, in hexadecimal digits; nobody can tell the key from it. version: from the sequence of
  -- messages; each change of a row takes a new one. scopes: joined by commas. revoked_ms: 0 while it is in force.
  CREATE TABLE api_key (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    app TEXT NOT NULL,
    scopes TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL
  );
`;

export const banTables = `
  -- Part of the account's row of kind 'revoke' in revocation, which each change replaces. It is a table of its own for
  -- programs of schema 8, which write to that one. Accounts may have no row in account.
  CREATE TABLE ban (
    number INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL,
    app TEXT NOT NULL,
    account TEXT NOT NULL,
    UNIQUE (app, account)
  );
`;
