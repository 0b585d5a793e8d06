-- Pause an active job. Returns 1, or 0 when it was not active, or paused already.
local job = key('job', args.name)
local state, paused = unpack(call('HMGET', job, 'state', 'paused'))
if not ACTIVE[state] or paused then
  return 0
end
call('HSET', job, 'paused', 1)
call('SADD', key('paused'), args.name)
return 1
