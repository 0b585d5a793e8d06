-- Returns one job, or all jobs in the order of their creation: the fields of the job, of its latest pass and of its live pass,
-- and whether its watcher is alive.
local found, now = {}, clock()
for _, name in ipairs(args.name and {args.name} or call('ZRANGE', key('jobs'), 0, -1)) do
  local job = call('HGETALL', key('job', name))
  local pass_id, live_pass, since, over = unpack(
    call('HMGET', key('job', name), 'pass_id', 'live_pass', 'watching_since', 'watching_until'))
  if #job > 0 then
    found[#found + 1] = {job, call('HGETALL', key('pass', pass_id or '')), call('HGETALL', key('pass', live_pass or '')),
                         holds(since, over, now) and 1 or 0}
  end
end
return found
