-- Change amounts that no hold stands for any more: of calls that outlived their lease, or that were counted in a
-- worker while this server was away. KEYS[1]: the holds (it says where the counters are).
-- ARGV: {key, field, by, slices} in MessagePack; an empty field: the running period, starts in place of slices.
local now = clock_ms()
for _, packed in ipairs(ARGV) do
  local change = cmsgpack.unpack(packed)
  local key, field, by, slices = change[1], change[2], change[3], change[4]
  if field == '' then
    local _, name = period_at(slices, now)
    field, slices = name, 0
  end
  correct(key, field, by, slices)
end
return #ARGV
