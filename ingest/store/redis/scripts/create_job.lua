-- Add a queued job with its first message. Returns nil, or the name of a conflicting active job.
local other = in_the_way(args.name, args.target, args.allow_overlap)
if other then
  return other
end
drop_job(args.name)
local now = clock()
call('ZADD', key('jobs'), now, args.name)
call('HSET', key('job', args.name), 'job', args.job, 'target', args.target, 'periodic', args.periodic, 'space',
     args.space, 'state', 'queued', 'created', now)
send(args.name, args.first)
return false
