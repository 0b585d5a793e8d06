-- Returns the statuses of the consumers that are alive.
local alive, now = {}, clock()
for _, value in ipairs(call('HVALS', key('consumers'))) do
  local each = cmsgpack.unpack(value)
  if holds(each.since, each.over, now) then
    alive[#alive + 1] = each.status
  end
end
return alive
