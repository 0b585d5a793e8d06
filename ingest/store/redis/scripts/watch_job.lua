-- See ingest.store.jobs.Jobs.watch. Returns the live pass, or nil when the job is not active.
local job = key('job', args.name)
local state, live = unpack(call('HMGET', job, 'state', 'live_pass'))
if not ACTIVE[state] or live then
  return ACTIVE[state] and live
end
call('HSET', job, 'live_pass', args.pass_id)
call('HSET', key('pass', args.pass_id), 'job', args.name, 'started', clock(), 'tasks', 1)
call('HSET', key('tasks', args.pass_id), args.task, 0)
return args.pass_id
