-- Enter a job as queued with its first message. The name of the active job that is in the way, or nil.
local other = in_the_way(args.name, args.target, args.allow_overlap)
if other then
  return other
end
drop_job(args.name)
call('ZADD', key('jobs'), args.created, args.name)
call('HSET', key('job', args.name), 'job', args.job, 'target', args.target, 'periodic', args.periodic, 'space',
     args.space, 'state', 'queued', 'created', args.created)
send(args.name, args.first)
return false
