// Claims the server's store (auth/store-ownership.ts) in one atomic step, by the same rule as judgeClaim. These scripts
// are separate from the others: they must work whatever the keys contain, and change nothing when they refuse.

import { scriptOf, type Script } from "./scripts.ts";

const claimText = `
local key, state = KEYS[1] .. 'ownership', KEYS[1] .. 'state'
local known, fresh, may_make, adopts, still = ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5] == '1', ARGV[7]
local is_watched = ARGV[6] == '1'
local call = redis.call

local identity, owners
local kind = call('TYPE', key).ok
if kind == 'hash' then
  local row = call('HMGET', key, 'identity', 'owners')
  identity, owners = row[1], row[2]
end
local has_identity = identity and #identity == 32 and not string.find(identity, '[^0-9a-f]')
local has_owners = owners and not string.find(owners, '[^0-9a-f,]')
local is_absent = kind == 'none'
local is_damaged = not is_absent and not (has_identity and has_owners)

-- When somebody renewed last; '' if nobody ever has.
local function last_renewal()
  if call('TYPE', state).ok ~= 'hash' then return '' end
  return call('HGET', state, 'ticked') or ''
end

local outcome = #ARGV < 8 and 'kept' or 'taken'
if has_owners and owners ~= '' then
  outcome = adopts and 'adopted' or 'refused'
  for at = 8, #ARGV do
    if string.find(',' .. owners .. ',', ',' .. ARGV[at] .. ',', 1, true) then outcome = 'kept' end
  end
end
if outcome == 'refused' then return {'refused', ''} end
if is_damaged and not adopts and known == '' then return {'damaged', ''} end
-- Whose it was cannot be told if the owners are damaged.
if adopts and (outcome == 'adopted' or (is_damaged and not has_owners)) then
  local ticked = last_renewal()
  if not is_watched or ticked ~= still then return {'living', ticked} end
end
if is_absent and known == '' and not may_make then return {'absent', call('EXISTS', state) == 1 and 'used' or ''} end
if outcome == 'kept' and not is_damaged and not is_absent then return {'kept', identity} end

local is_another = outcome == 'adopted' or (is_damaged and adopts)
local next = is_another and fresh or (has_identity and identity) or (known ~= '' and known) or fresh
local mine = {}
for at = 8, #ARGV do mine[#mine + 1] = ARGV[at] end
local next_owners = outcome == 'kept' and has_owners and owners or table.concat(mine, ',')
call('DEL', key)
call('HSET', key, 'identity', next, 'owners', next_owners)
return {is_another and 'adopted' or outcome, next}
`;

/**
 * run, the known identity or '', a new one, '1' to create it if there is none, '1' to adopt, '1' if the last renewal
 * has been watched for long enough, that renewal, fingerprints… → outcome, identity. outcome: a ClaimOutcome;
 * `absent`: there is none, and none may be created (`used` if the store is not empty); `living`: an adoption waits,
 * because a process may renew leases (with the time of the last renewal); `damaged`: it is malformed.
 */
export const claimScript: Script = scriptOf(claimText);

/** run, new owners with commas, the caller's fingerprints… → 1; 0, changing nothing, unless the caller owns it. */
export const setOwnersScript: Script = scriptOf(`
local key = KEYS[1] .. 'ownership'
if redis.call('TYPE', key).ok ~= 'hash' then return 0 end
local owners = redis.call('HGET', key, 'owners')
local is_mine = owners == ''
for at = 3, #ARGV do
  if owners and string.find(',' .. owners .. ',', ',' .. ARGV[at] .. ',', 1, true) then is_mine = true end
end
if not is_mine then return 0 end
redis.call('HSET', key, 'owners', ARGV[2])
return 1
`);
