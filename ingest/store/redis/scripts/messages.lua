-- Returns pass, task, round and message of outstanding tasks of a job, one after the other, for at most so many tasks.
local found = {}
for _, pass_id in ipairs(call('HMGET', key('job', args.name), 'pass_id', 'live_pass')) do
  local cursor = pass_id and call('HEXISTS', key('pass', pass_id), 'ended') == 0 and '0'
  while cursor do
    local next_cursor, entries = unpack(call('HSCAN', key('work', pass_id), cursor, 'COUNT', 100))
    for i = 1, #entries, 2 do
      if #found < 4 * args.limit then
        local round = call('HGET', key('tasks', pass_id), entries[i])
        for _, value in ipairs({pass_id, entries[i], round, entries[i + 1]}) do
          found[#found + 1] = value
        end
      end
    end
    cursor = next_cursor ~= '0' and #found < 4 * args.limit and next_cursor
  end
end
return found
