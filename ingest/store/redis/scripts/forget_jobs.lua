-- Delete an ended job, or all jobs that ended before a time.
for _, name in ipairs(args.name and {args.name} or call('ZRANGE', key('jobs'), 0, -1)) do
  local state, ended = unpack(call('HMGET', key('job', name), 'state', 'ended'))
  if state and not ACTIVE[state] and (args.name or (ended and tonumber(ended) < args.before)) then
    drop_job(name)
  end
end
