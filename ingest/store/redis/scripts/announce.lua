-- Store for how long a consumer is alive, and delete those that are not.
local consumers, now = key('consumers'), clock()
local known = call('HGETALL', consumers)
for i = 1, #known, 2 do
  local each = cmsgpack.unpack(known[i + 1])
  if not holds(each.since, each.over, now) then
    call('HDEL', consumers, known[i])
  end
end
call('HSET', consumers, args.name, cmsgpack.pack({since = now, over = now + args.seconds, status = args.status}))
