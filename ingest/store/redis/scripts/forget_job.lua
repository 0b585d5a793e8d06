-- Delete an ended job.
local state = call('HGET', key('job', args.name), 'state')
if state and not ACTIVE[state] then
  drop_job(args.name)
end
