-- Calls that are still under way keep their holds. KEYS[1]: the holds. ARGV[1]: time to live in ms; then members.
local expires = clock_ms() + ARGV[1]
for n = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', expires, ARGV[n]) end
return #ARGV - 1
