-- Store the state that a watcher reports, if the job exists.
local now = clock()
local job = key('job', args.name)
if call('EXISTS', job) == 1 then
  call('HSET', job, 'watching', args.watching, 'watching_since', now, 'watching_until', now + args.seconds)
end
