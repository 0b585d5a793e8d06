-- Queue an ended job again. Returns 1, 0 when it is active or unknown, or the name of a conflicting job.
local job = key('job', args.name)
local state, target = unpack(call('HMGET', job, 'state', 'target'))
if not state or ACTIVE[state] then
  return 0
end
local other = in_the_way(args.name, target, false)
if other then
  return other
end
call('HSET', job, 'job', args.job, 'state', 'queued')
call('HDEL', job, 'ended')
send(args.name, args.first)
return 1
