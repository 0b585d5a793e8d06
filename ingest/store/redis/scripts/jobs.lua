-- Returns one job, or all jobs in the order of their creation: the fields of the job, of its latest pass and of its live pass.
local found = {}
for _, name in ipairs(args.name and {args.name} or call('ZRANGE', key('jobs'), 0, -1)) do
  local job = call('HGETALL', key('job', name))
  local pass_id, live_pass = unpack(call('HMGET', key('job', name), 'pass_id', 'live_pass'))
  if #job > 0 then
    found[#found + 1] = {job, call('HGETALL', key('pass', pass_id or '')), call('HGETALL', key('pass', live_pass or ''))}
  end
end
return found
