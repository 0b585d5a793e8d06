-- Move due messages from the schedule to the outbox. Returns when the next one is due, or nil.
local schedule = key('schedule')
for _, number in ipairs(call('ZRANGEBYSCORE', schedule, '-inf', args.now)) do
  call('ZREM', schedule, number)
  call('ZADD', key('outbox'), call('INCR', key('number')), number)
end
return call('ZRANGE', schedule, 0, 0, 'WITHSCORES')[2]
