-- Take one step of a task, all of it or none: see ingest.store.tasks.Step. Returns 1, or 0 when the task is not
-- outstanding.
local step = args
local pass, tasks, cursors = key('pass', step.pass_id), key('tasks', step.pass_id), key('cursors', step.pass_id)
local work = key('work', step.pass_id) -- the current message of each task
local job = key('job', step.job)

local function remember()
  local problems, order = key('problems', step.job), key('problem-order', step.job)
  if #step.solved > 0 and call('EXISTS', problems) == 1 then
    for _, path in ipairs(step.solved) do
      call('HDEL', problems, path)
      call('ZREM', order, path)
    end
  end
  for _, each in ipairs(step.problems) do
    call('HSET', problems, each.path, each.problem)
    call('ZADD', order, each.skipped, each.path)
  end
  if #step.cached > 0 or #step.uncached > 0 then
    change_cache(call('HGET', job, 'space'), step.cached, step.uncached)
  end
end

-- Count files that a worker finished after its job was stopped, because they are in the catalog. The tasks that were
-- outstanding at the stop are still stored, so that each is counted once.
local function count_late()
  local state, latest, live = unpack(call('HMGET', job, 'state', 'pass_id', 'live_pass'))
  local ours = latest == step.pass_id or live == step.pass_id
  if state == 'stopped' and ours and call('HGET', tasks, step.task) == tostring(step.round) then
    call('HDEL', tasks, step.task)
    step.counts.tasks, step.counts.tasks_done = nil, nil
    add(step.pass_id, step.counts)
    remember()
  end
end

local function end_pass()
  if step.error then
    call('DEL', tasks, work, cursors)
    add(step.pass_id, {tasks_done = 1})
    call('HSET', pass, 'error', step.error)
  end
  call('HSET', pass, 'ended', clock())
  if call('HGET', job, 'periodic') == '1' then
    call('HSET', job, 'state', 'waiting')
    return
  end
  call('HSET', job, 'state', step.error and 'failed' or 'finished', 'ended', clock())
  withdraw(step.job)
end

local function leave()
  settle_move(step.job, step.task)
  call('HDEL', tasks, step.task)
  call('HDEL', work, step.task)
  call('HDEL', cursors, step.task)
  add(step.pass_id, {tasks_done = 1})
  if call('HLEN', tasks) > 0 then
    return
  end
  if step.closing then
    add_child(step.job, step.pass_id, step.closing)
  else
    end_pass()
  end
end

if call('HEXISTS', pass, 'ended') == 1 or call('HGET', tasks, step.task) ~= tostring(step.round) then
  count_late()
  return 0
end
if step.part and (call('HGET', cursors, step.task) or nil) ~= step.after then
  return 0 -- another worker has taken the listing further
end
for _, child in ipairs(step.children) do
  add_child(step.job, step.pass_id, child)
end
add(step.pass_id, step.counts)
remember()
for _, each in ipairs(step.candidates) do
  call('ZADD', key(each.kind, step.pass_id), each.height, each.target)
  call('HSET', key('candidates', step.pass_id), each.kind .. each.target, each.candidate)
end
for _, each in ipairs(step.judged) do
  call('ZREM', key(each.kind, step.pass_id), each.target)
  call('HDEL', key('candidates', step.pass_id), each.kind .. each.target)
end
if step.error or not step.cursor then
  not_in_work(step.job, step.task, step.round)
end
if step.error then
  end_pass()
elseif step.again then
  call('HSET', tasks, step.task, step.again.round)
  call('HSET', work, step.task, step.again.message)
  if step.again.wait <= 0 then
    send(step.job, step.again.message)
  else
    plan(step.job, step.again.wait, step.again.message)
  end
elseif step.cursor then
  call('HSET', cursors, step.task, step.cursor)
else
  leave()
end
return 1
