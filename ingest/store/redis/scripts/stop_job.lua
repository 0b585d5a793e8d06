-- End an active job. 1, or 0 when it was not active.
local job = key('job', args.name)
local state, pass_id = unpack(call('HMGET', job, 'state', 'pass_id'))
if not ACTIVE[state] then
  return 0
end
call('HSET', job, 'state', 'stopped', 'ended', args.now)
call('HDEL', job, 'next_pass', 'next_number')
if pass_id then
  call('HSETNX', key('pass', pass_id), 'ended', args.now)
end
withdraw(args.name)
return 1
