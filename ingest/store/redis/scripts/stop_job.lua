-- End an active job. Returns 1, or 0 when it was not active.
local job = key('job', args.name)
local now = clock()
local state, pass_id, live_pass = unpack(call('HMGET', job, 'state', 'pass_id', 'live_pass'))
if not ACTIVE[state] then
  return 0
end
call('HSET', job, 'state', 'stopped', 'ended', now)
call('HDEL', job, 'next_pass', 'next_number', 'paused')
call('SREM', key('paused'), args.name)
for _, each in ipairs({pass_id, live_pass}) do
  if each then -- a missing field is false
    call('HSETNX', key('pass', each), 'ended', now)
    call('DEL', key('work', each))
  end
end
withdraw(args.name)
return 1
