-- Decide all bounds of a call together: all admit it, or none counts it.
--
-- KEYS[1]: the holds; KEYS[2…]: the bounds' counters.
-- ARGV[1]: for each bound {kind, strictness, maximum, …}, in MessagePack.
--   kind 0 now; 1 sliding: slice in ms, slices; 2 calendar: starts in ms of four periods, ours the second
--   strictness 2 refuses, 1 may be queued, 0 only warns
-- ARGV[2]: {id, time to live in ms, needs, asks}; an empty id only looks; asks (a lease) may be absent.
--
-- → {1, member, used, reset in ms, used, reset, …}
--   with asks, after that for each bound: granted, ms for which the grant may be used
-- → {0, number of the bound that refuses, wait in ms, used, reset, used, reset, …}

local bounds = cmsgpack.unpack(ARGV[1])
local call = cmsgpack.unpack(ARGV[2])
local id, ttl, needs, asks = call[1], call[2], call[3], call[4]
local now = clock_ms()
local looking = id == ''
local used, reset, field, left = {}, {}, {}, {}

if not looking then expire_holds(KEYS[1], now) end

-- Move a sliding counter on to the bucket `index`; → the sum that counts whole, the bucket that is leaving.
local function roll(key, index, slices, slice_ms)
  local sum, leaving, gone, any = 0, 0, {}, false
  local all = redis.call('HGETALL', key)
  for n = 1, #all, 2 do
    local bucket = tonumber(all[n])
    if bucket then
      local amount = tonumber(all[n + 1])
      if bucket > index - slices then sum = sum + amount
      elseif bucket == index - slices then leaving = amount
      else gone[#gone + 1] = all[n] end
    end
  end
  if not looking then
    if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
    redis.call('HSET', key, 'i', index, 's', sum)
    redis.call('HSETNX', key, 'b', string.format('%.0f', now))
    redis.call('PEXPIRE', key, math.ceil((slices + 2) * slice_ms))
  end
  return sum, leaving
end

local function look_sliding(n, key, slice_ms, slices)
  local index = math.floor(now / slice_ms)
  local state = redis.call('HMGET', key, 'i', 's', index - slices)
  local newest = tonumber(state[1])
  local sum, leaving
  if newest == index then
    sum, leaving = tonumber(state[2]), tonumber(state[3]) or 0
  elseif newest and newest > index then
    -- The clock stepped back (another server took over): what was counted stays counted.
    index = newest
    sum = tonumber(redis.call('HGET', key, 's'))
    leaving = tonumber(redis.call('HGET', key, index - slices)) or 0
  else
    sum, leaving = roll(key, index, slices, slice_ms)
  end
  local into = math.max(0, now / slice_ms - index)
  field[n] = index
  used[n] = sum + leaving * (1 - into)
  reset[n] = (index + slices + 1) * slice_ms - now
  left[n] = (index + 1) * slice_ms - now
end

local function look_calendar(n, key, starts)
  local period, name = period_at(starts, now)
  local amount = redis.call('HGET', key, name)
  if not amount and not looking then begin_period(key, starts, period, name, now) end
  field[n] = name
  used[n] = tonumber(amount or 0)
  reset[n] = starts[period + 1] - now
  left[n] = reset[n]
end

-- Milliseconds until a sliding counter has room for the need, if nothing else comes.
local function wait_sliding(n, key, bound)
  local slice_ms, slices, maximum = bound[4], bound[5], bound[3]
  if needs[n] > maximum then return slices * slice_ms end
  local over, passed = used[n] + needs[n] - maximum, 0
  local share = math.min(1, math.max(0, field[n] + 1 - now / slice_ms))
  for bucket = field[n] - slices, field[n] do
    local amount = tonumber(redis.call('HGET', key, bucket)) or 0
    if amount > 0 and over <= amount * share then return passed + over / amount * slice_ms end
    over = over - amount * share
    passed = passed + share * slice_ms
    share = 1
  end
  return passed
end

local refusing, refusing_wait = 0, -1
for n, bound in ipairs(bounds) do
  local kind, key = bound[1], KEYS[n + 1]
  if kind == 1 then look_sliding(n, key, bound[4], bound[5])
  elseif kind == 2 then look_calendar(n, key, bound[4])
  else
    field[n], reset[n], left[n] = 'u', 1000, ttl
    used[n] = tonumber(redis.call('HGET', key, 'u') or 0)
  end
  if bound[2] > 0 and needs[n] > 0 and used[n] + needs[n] > bound[3] then
    local wait = 1000
    if kind == 1 then wait = wait_sliding(n, key, bound) elseif kind == 2 then wait = reset[n] end
    local before = refusing > 0 and bounds[refusing][2] or 0
    if bound[2] > before or (bound[2] == before and wait > refusing_wait) then refusing, refusing_wait = n, wait end
  end
end

if refusing > 0 and not looking then
  local said = {0, refusing, math.ceil(refusing_wait)}
  for n = 1, #bounds do
    said[#said + 1] = math.ceil(used[n])
    said[#said + 1] = math.ceil(reset[n])
  end
  return said
end

local held, granted = {id}, {}
for n, bound in ipairs(bounds) do
  local amount = needs[n]
  if asks then
    -- A lease takes at most half of what is left, so that there is something for others as the limit comes near.
    local half = math.floor((bound[3] - used[n]) / 2)
    amount = math.max(amount, bound[2] > 0 and math.min(asks[n], half) or asks[n])
  end
  granted[n] = amount
  if looking then amount = 0 end
  local key, slices = KEYS[n + 1], bound[1] == 1 and bound[5] or 0
  if amount > 0 then
    redis.call('HINCRBY', key, field[n], amount)
    if slices > 0 then redis.call('HINCRBY', key, 's', amount) end
    used[n] = used[n] + amount
  end
  local last = #held
  held[last + 1], held[last + 2], held[last + 3], held[last + 4] = key, field[n], amount, slices
end
local member = ''
if not looking then
  member = cmsgpack.pack(held)
  redis.call('ZADD', KEYS[1], now + ttl, member)
end
local said = {1, member}
for n = 1, #bounds do
  said[#said + 1] = math.ceil(used[n])
  said[#said + 1] = math.ceil(reset[n])
end
if asks then
  for n = 1, #bounds do
    said[#said + 1] = granted[n]
    said[#said + 1] = math.floor(left[n])
  end
end
return said
