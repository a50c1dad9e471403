-- Replace what holds took by what was used. KEYS[1]: the holds. ARGV: in pairs, a hold's member and, in MessagePack,
-- {asked before, used, used, …} in the order of its counters.
--
-- A hold that is not there any more expired, or was lost with the server that knew it: what was used counts in full. One
-- that was asked before (the answer got lost) was probably settled then.
for n = 1, #ARGV, 2 do
  local said = cmsgpack.unpack(ARGV[n + 1])
  local known = redis.call('ZREM', KEYS[1], ARGV[n]) == 1
  if known or said[1] == 0 then
    local held = cmsgpack.unpack(ARGV[n])
    for m = 2, #held, 4 do
      local used = said[(m + 2) / 4 + 1]
      correct(held[m], held[m + 1], known and used - held[m + 2] or used, held[m + 3])
    end
  end
end
return #ARGV / 2
