-- Delete an ended job, or all jobs that ended so many seconds ago.
local now = clock()
for _, name in ipairs(args.name and {args.name} or call('ZRANGE', key('jobs'), 0, -1)) do
  local state, ended = unpack(call('HMGET', key('job', name), 'state', 'ended'))
  if state and not ACTIVE[state] and (args.name or (ended and tonumber(ended) < now - args.seconds)) then
    drop_job(name)
  end
end
