-- A worker says that it lives (or, with a time to live of 0, that it ends). KEYS[1]: the workers. KEYS[2]: the
-- incarnation: a word that is kept as long as everything else here. ARGV: id, time to live in ms, a word in case there is
-- none. → {how many live, the incarnation}
local now, ttl = clock_ms(), tonumber(ARGV[2])
if ttl > 0 then redis.call('ZADD', KEYS[1], now + ttl, ARGV[1]) else redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('SETNX', KEYS[2], ARGV[3])
return {redis.call('ZCARD', KEYS[1]), redis.call('GET', KEYS[2])}
