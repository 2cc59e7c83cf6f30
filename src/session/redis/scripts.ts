// The engine's atomic steps, in Lua scripts, which Redis and Valkey run one at a time. Keys, all with the prefix
// `roost:`
//
//   state          hash    epoch; sequence; lease (the last number used); clock and ticked (milliseconds)
//   log            list    the last sessionChangesMax changes; the last one has number `sequence`
//   a:<account>    hash    device → `<lease> <place>`; place is a JSON array that begins with the channelId
//   leases         hash    gateway start → lease
//   until          zset    gateway start, by the clock's time at which its lease ends
//   renewed        set     leases that were renewed at least once
//   ownership      hash    identity; owners (fingerprints with commas): auth/store-ownership.ts
//   ended          set     ended leases whose sessions are not all removed yet
//   l:<lease>      set     accounts with sessions of that lease
//
// A change is recorded as `+` (first session of an account), `-` (last one) or `=` (any other) and the account, or as
// `!` and a lease that ended. The end of a lease hides its sessions at once, however many there are; `sweep` removes
// them gradually.
//
// The clock advances with ticks, by at most tickMsMax each: no lease ends because the server or all processes that
// could renew were suspended. The epoch begins with the server's run id: a server that comes back, empty or with older
// data, has lost the sessions, and all leases end.
//
// Keys are composed inside the scripts, which Redis permits outside of cluster mode.

import { sessionChangesMax } from "../../base/limits/fixed.ts";

/** A script and the SHA-1 by which the server caches it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function scriptOf(text: string): Script {
  return { text, sha: new Bun.CryptoHasher("sha1").update(text).digest("hex") };
}

const tickMsMax = 1_000;

const library = `
local prefix, run = KEYS[1], ARGV[1]
local state, log, leases = prefix .. 'state', prefix .. 'log', prefix .. 'leases'
local untils, renewed, ended = prefix .. 'until', prefix .. 'renewed', prefix .. 'ended'
local call = redis.call

local function note(change)
  call('HINCRBY', state, 'sequence', 1)
  call('RPUSH', log, change)
  call('LTRIM', log, -${sessionChangesMax}, -1)
end

local function finish(start)
  local lease = call('HGET', leases, start)
  call('HDEL', leases, start)
  call('ZREM', untils, start)
  call('SREM', renewed, lease)
  call('SADD', ended, lease)
  note('!' .. lease)
end

local epoch = call('HGET', state, 'epoch')
if not epoch or string.sub(epoch, 1, #run) ~= run then
  local now = call('TIME')
  epoch = run .. ' ' .. now[1] .. ' ' .. now[2]
  call('HSET', state, 'epoch', epoch)
  for _, start in ipairs(call('HKEYS', leases)) do finish(start) end
end

local function until_in(ms)
  return tonumber(call('HGET', state, 'clock') or 0) + tonumber(ms)
end

local function begin(start, ms)
  local lease = call('HINCRBY', state, 'lease', 1)
  call('HSET', leases, start, lease)
  call('ZADD', untils, until_in(ms), start)
  return tostring(lease)
end

local function leaseOf(value)
  return string.match(value, '^%d+')
end

local function channelOf(value)
  return cjson.decode(string.match(value, '^%d+ (.*)$'))[1]
end

-- Takes one device's session away; its lease forgets the account with its last one.
local function drop(account, rows, device)
  call('HDEL', prefix .. 'a:' .. account, device)
  local gone, left, isNeeded = nil, {}, false
  for at = 1, #rows, 2 do
    if rows[at] == device then gone = leaseOf(rows[at + 1])
    else left[#left + 1] = rows[at]; left[#left + 1] = rows[at + 1] end
  end
  for at = 2, #left, 2 do isNeeded = isNeeded or leaseOf(left[at]) == gone end
  if not isNeeded then call('SREM', prefix .. 'l:' .. gone, account) end
  return left
end

-- An account's sessions as device, value, device, value; those of ended leases are removed for good.
local function sessions(account)
  local rows = call('HGETALL', prefix .. 'a:' .. account)
  if #rows == 0 or call('EXISTS', ended) == 0 then return rows end
  local left = rows
  for at = 1, #rows, 2 do
    if call('SISMEMBER', ended, leaseOf(rows[at + 1])) == 1 then left = drop(account, left, rows[at]) end
  end
  if #left < #rows then note((#left == 0 and '-' or '=') .. account) end
  return left
end
`;

const script = (body: string): Script => scriptOf(`${library}${body}`);

/**
 * run, account, device, place, gateway start, lease in ms, maximum of devices, channelId to restore or '' → 0: too
 * many; 1
 * and the replaced value; for a restore also 2: the device has another session, 3: it is present, and its lease has it.
 */
export const putScript = script(`
local account, device, start = ARGV[2], ARGV[3], ARGV[5]
local rows = sessions(account)
local wasEmpty, old = #rows == 0, false
for at = 1, #rows, 2 do
  if rows[at] == device then old = rows[at + 1] end
end
if old and ARGV[8] ~= '' then
  if channelOf(old) ~= ARGV[8] then return {2, false} end
  local own = leaseOf(old)
  local is_listed = call('SISMEMBER', prefix .. 'l:' .. own, account) == 1
  if own == call('HGET', leases, start) and is_listed then return {3, false} end
end
if not old and #rows / 2 >= tonumber(ARGV[7]) then return {0, false} end
if old then drop(account, rows, device) end
local lease = call('HGET', leases, start) or begin(start, ARGV[6])
call('HSET', prefix .. 'a:' .. account, device, lease .. ' ' .. ARGV[4])
call('SADD', prefix .. 'l:' .. lease, account)
note((wasEmpty and '+' or '=') .. account)
return {1, old}
`);

/** run, account, channelId → 1 if it was present. */
export const removeScript = script(`
local rows = sessions(ARGV[2])
for at = 1, #rows, 2 do
  if channelOf(rows[at + 1]) == ARGV[3] then
    local left = drop(ARGV[2], rows, rows[at])
    note((#left == 0 and '-' or '=') .. ARGV[2])
    return 1
  end
end
return 0
`);

/**
 * run, lease in ms, gateway starts… → the number of ended leases with sessions, the positions (from 0) of the starts
 * that had not been renewed before.
 */
export const renewScript = script(`
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ticked = tonumber(call('HGET', state, 'ticked') or now)
local clock = until_in(math.max(0, math.min(now - ticked, ${tickMsMax})))
call('HSET', state, 'clock', clock, 'ticked', now)
local begun = {}
for at = 3, #ARGV do
  local start = ARGV[at]
  local lease = call('HGET', leases, start) or begin(start, 0)
  call('ZADD', untils, until_in(ARGV[2]), start)
  if call('SADD', renewed, lease) == 1 then begun[#begun + 1] = at - 3 end
end
local over = 0
for _, start in ipairs(call('ZRANGEBYSCORE', untils, '-inf', clock)) do
  if call('EXISTS', prefix .. 'l:' .. call('HGET', leases, start)) == 1 then over = over + 1 end
  finish(start)
end
table.insert(begun, 1, over)
return begun
`);

/** run, gateway start, cursor, count of accounts → next cursor ('0' at the end), channelIds, maybe repeated. */
export const heldScript = script(`
local lease = call('HGET', leases, ARGV[2])
if not lease then return {'0'} end
local part = call('SSCAN', prefix .. 'l:' .. lease, ARGV[3], 'COUNT', ARGV[4])
local answer = {part[1]}
for _, account in ipairs(part[2]) do
  local rows = call('HGETALL', prefix .. 'a:' .. account)
  for at = 2, #rows, 2 do
    if leaseOf(rows[at]) == lease then answer[#answer + 1] = channelOf(rows[at]) end
  end
end
return answer
`);

/** run, gateway start, remaining ms. */
export const suspectScript = script(`
local score = call('ZSCORE', untils, ARGV[2])
if score then call('ZADD', untils, math.min(tonumber(score), until_in(ARGV[3])), ARGV[2]) end
return 0
`);

/** run, the prefix of a gateway's starts, the start to keep or ''. */
export const removeGatewayScript = script(`
for _, start in ipairs(call('HKEYS', leases)) do
  if string.sub(start, 1, #ARGV[2]) == ARGV[2] and start ~= ARGV[3] then finish(start) end
end
return 0
`);

/** run → the starts of gateways with valid leases. */
export const gatewaysScript = script(`
return call('HKEYS', leases)
`);

/** run, maximum of accounts → the number of leases left to sweep. */
export const sweepScript = script(`
local lease = call('SRANDMEMBER', ended)
if not lease then return 0 end
for _, account in ipairs(call('SPOP', prefix .. 'l:' .. lease, ARGV[2])) do sessions(account) end
if call('EXISTS', prefix .. 'l:' .. lease) == 0 then call('SREM', ended, lease) end
return call('SCARD', ended)
`);

/** run, epoch, sequence, accounts… → epoch, sequence, changes or false, sessions of each account. */
export const fenceScript = script(`
local sequence = tonumber(call('HGET', state, 'sequence') or 0)
local missed = sequence - tonumber(ARGV[3])
local changes = false
if ARGV[2] == epoch and missed >= 0 and missed <= ${sessionChangesMax} then
  changes = {}
  if missed > 0 then changes = call('LRANGE', log, -missed, -1) end
  if #changes < missed then changes = false end
end
local answer = {epoch, sequence, changes}
for at = 4, #ARGV do answer[#answer + 1] = sessions(ARGV[at]) end
return answer
`);
