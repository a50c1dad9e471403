-- What was used before a counter began to count, by a ledger. KEYS[1]: the holds (it says where the counters are).
-- ARGV[1]: the ledger. Then for each counter, in MessagePack: {key, kind, …, {at in ms, amount, at, amount, …}}, in place
-- of the dots as in reserve.lua slice in ms and slices, or starts. Each ledger tells a counter once.
local now = clock_ms()
local mark = 'l' .. ARGV[1]

local function seed_sliding(key, slice_ms, slices, spent)
  local index = math.floor(now / slice_ms)
  redis.call('HSETNX', key, 'b', string.format('%.0f', now))
  redis.call('HSETNX', key, 'i', index)
  redis.call('HSETNX', key, 's', 0)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, math.ceil((slices + 2) * slice_ms)) end
  local born = tonumber(redis.call('HGET', key, 'b'))
  for n = 1, #spent, 2 do
    local bucket = math.floor(spent[n] / slice_ms)
    if spent[n] < born and bucket >= index - slices then
      redis.call('HSETNX', key, bucket, 0)
      correct(key, bucket, spent[n + 1], slices)
    end
  end
end

local function seed_calendar(key, starts, spent)
  local period, name = period_at(starts, now)
  if redis.call('HEXISTS', key, name) == 0 then begin_period(key, starts, period, name, now) end
  local born = tonumber(redis.call('HGET', key, 'b'))
  for n = 1, #spent, 2 do
    if spent[n] < born and spent[n] >= starts[period] then correct(key, name, spent[n + 1], 0) end
  end
end

local seeded = 0
for n = 2, #ARGV do
  local one = cmsgpack.unpack(ARGV[n])
  local key = one[1]
  if redis.call('HEXISTS', key, mark) == 0 then
    if one[2] == 1 then seed_sliding(key, one[3], one[4], one[5]) else seed_calendar(key, one[3], one[4]) end
    redis.call('HSET', key, mark, 1)
    seeded = seeded + 1
  end
end
return seeded
