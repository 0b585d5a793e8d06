-- Keep what a watcher says of itself, as long as there is such a job.
local job = key('job', args.name)
if call('EXISTS', job) == 1 then
  call('HSET', job, 'watching', args.watching)
end
