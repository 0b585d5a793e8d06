-- See ingest.store.moves.Moves.begin. Returns 1, or 0 when the task must wait.
local moves, owned, in_work = key('moves', args.job), key('move-names', args.job), key('in-work', args.job)
local own = call('ZSCORE', moves, args.task)

-- `from` and `to` limit a range of names, as ZRANGEBYLEX wants them.
local function is_owned(from, to, directories_only)
  for _, member in ipairs(call('ZRANGEBYLEX', owned, from, to)) do
    local directory, number, task = string.match(member, '%z(%d)(%d+)%z(.*)$')
    local counts = task ~= args.task and (not own or tonumber(number) < tonumber(own))
    if counts and (not directories_only or directory == '1') then
      return true
    end
  end
end

local function is_below(path, above)
  return string.sub(path, 1, #above + 1) == above .. '/'
end

if call('EXISTS', moves) == 1 then
  for _, subject in ipairs(args.subjects) do
    local path, deep = unpack(subject)
    if is_owned('[' .. path .. '\0', '(' .. path .. '\1') then return 0 end
    if deep == 1 and is_owned('[' .. path .. '/', '(' .. path .. '0') then return 0 end
  end
  for _, above in ipairs(args.above) do
    if is_owned('[' .. above .. '\0', '(' .. above .. '\1', true) then return 0 end
  end
end
if own then
  local alive = {}
  for _, owner in ipairs(args.alive) do alive[owner] = true end
  local tasks = call('HGETALL', in_work)
  for i = 1, #tasks, 2 do
    local other = cmsgpack.unpack(tasks[i + 1])
    local outstanding = call('HGET', key('tasks', other.pass_id), tasks[i]) == tostring(other.round)
    if tasks[i] ~= args.task and outstanding and alive[other.owner] then
      for _, one in ipairs(other.subjects) do
        for _, two in ipairs(args.subjects) do
          if one[1] == two[1] or (one[2] == 1 and is_below(two[1], one[1])) or (two[2] == 1 and is_below(one[1], two[1])) then
            return 0
          end
        end
      end
    end
  end
end
call('HSET', in_work, args.task, cmsgpack.pack({pass_id = args.pass_id, round = args.round, owner = args.owner,
                                                subjects = args.subjects}))
return 1
