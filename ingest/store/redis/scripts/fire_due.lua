-- Move due messages from the schedule to the outbox. Returns the seconds until the next one is due, as text, or nil.
local schedule, scheduled, now = key('schedule'), key('scheduled'), clock()
local function fire(numbers)
  for _, number in ipairs(numbers) do
    call('ZREM', schedule, number)
    call('ZREM', scheduled, number)
    call('ZADD', key('outbox'), call('INCR', key('number')), number)
  end
end
fire(call('ZRANGEBYSCORE', schedule, '-inf', now))
fire(call('ZRANGEBYSCORE', scheduled, now + SLACK, '+inf')) -- the clock has been set back
local due = call('ZRANGE', schedule, 0, 0, 'WITHSCORES')[2]
return due and tostring(due - now)
