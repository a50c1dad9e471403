-- What gateways that share this server have found broken: a sorted set, member -> when it may be tried again, in
-- milliseconds of the server's own clock, so that the clocks of gateways need not agree.
-- KEYS[1]: the set. ARGV: ms left, member, ... to add. -> member, ms left, ... of all, the longest first.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for at = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[at])), ARGV[at + 1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local found = redis.call('ZREVRANGE', KEYS[1], 0, 999, 'WITHSCORES')
if #found == 0 then
  return found
end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', tonumber(found[2])))
for at = 2, #found, 2 do
  found[at] = tonumber(found[at]) - now
end
return found
