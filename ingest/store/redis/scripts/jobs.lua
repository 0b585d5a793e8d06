-- One job, or all in the order of their creation: pairs of the fields of the job and those of its latest pass.
local found = {}
for _, name in ipairs(args.name and {args.name} or call('ZRANGE', key('jobs'), 0, -1)) do
  local job = call('HGETALL', key('job', name))
  local pass_id = call('HGET', key('job', name), 'pass_id')
  if #job > 0 then
    found[#found + 1] = {job, pass_id and call('HGETALL', key('pass', pass_id)) or {}}
  end
end
return found
