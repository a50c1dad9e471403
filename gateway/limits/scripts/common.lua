-- Stands before every script here.
--
-- A bound's counter is a hash. Its fields:
--   sliding   <bucket number> → amount, for the buckets that count and the one that is leaving;
--             i → the newest bucket's number, s → the sum of the buckets that count whole
--   calendar  p<start in ms> → amount, of the running period and the one before it
--   now       u → how much is under way
--   and of spans, b → since when it has been counting, in ms; l<ledger> → that ledger told what was used before that
-- A reservation is a member of the sorted set of holds, by the time it expires. The member itself says what it took:
--   {id, key, field, amount, slices, key, field, …}; slices is 0 where the field stands for itself.
-- Numbers in Lua are doubles, exact up to 2^53. What is stored is changed by HINCRBY alone, which is exact beyond.

local function clock_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + time[2] / 1000
end

-- The number of the period (1 to 3) that `now` is in, and its field.
local function period_at(starts, now)
  local period = 1
  while period < 3 and now >= starts[period + 1] do period = period + 1 end
  return period, 'p' .. string.format('%.0f', starts[period])
end

-- Begin to count a period. A counter that knows the period before has been counting since this one began.
local function begin_period(key, starts, period, name, now)
  local before = 'p' .. string.format('%.0f', starts[math.max(1, period - 1)])
  local born = now
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field:sub(1, 1) == 'p' then
      born = math.min(now, starts[period])
      if field ~= before then redis.call('HDEL', key, field) end
    end
  end
  redis.call('HSET', key, name, 0, 'b', string.format('%.0f', born))
  redis.call('PEXPIREAT', key, starts[4])
end

-- Change an amount where it was taken; where nothing counts it any more, nothing changes.
local function correct(key, field, by, slices)
  if by == 0 then return end
  if slices == 0 then
    if redis.call('HEXISTS', key, field) == 1 and redis.call('HINCRBY', key, field, by) <= 0 and field == 'u' then
      redis.call('DEL', key)
    end
    return
  end
  local newest = tonumber(redis.call('HGET', key, 'i'))
  if newest == nil or field < newest - slices then return end
  redis.call('HINCRBY', key, field, by)
  if field > newest - slices then redis.call('HINCRBY', key, 's', by) end
end

-- Holds whose worker died give everything back. A few at a time: whoever comes next takes the rest.
local function expire_holds(holds, now)
  local dead = redis.call('ZRANGEBYSCORE', holds, '-inf', now, 'LIMIT', 0, 20)
  for _, member in ipairs(dead) do
    redis.call('ZREM', holds, member)
    local held = cmsgpack.unpack(member)
    for n = 2, #held, 4 do correct(held[n], held[n + 1], -held[n + 2], held[n + 3]) end
  end
end
