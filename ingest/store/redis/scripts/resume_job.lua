-- Resume a paused job: its parked messages move to the outbox, in order. Returns 1, or 0 when it was not paused.
if call('HDEL', key('job', args.name), 'paused') == 0 then
  return 0
end
call('SREM', key('paused'), args.name)
local parked = call('SMEMBERS', key('parked', args.name))
table.sort(parked)
for _, number in ipairs(parked) do
  call('ZADD', key('outbox'), call('INCR', key('number')), number)
end
call('DEL', key('parked', args.name))
return 1
