-- Functions that the scripts share. ARGV: prefix of all keys, id of the store, arguments in msgpack.
-- The keys are built here and not passed in KEYS, so the scripts work on one server, not on a Redis cluster.
local prefix, args = ARGV[1], cmsgpack.unpack(ARGV[3])
local call = redis.call

local function key(kind, name)
  return prefix .. kind .. (name and ':' .. name or '')
end

if call('GET', key('id')) ~= ARGV[2] then
  return redis.error_reply('LOST the store is another one')
end

local ACTIVE = {queued = true, running = true, waiting = true}

-- The time of this server, in seconds since the epoch: all terms run on this clock.
local function clock()
  local seconds, micros = unpack(call('TIME'))
  return tonumber(seconds) + tonumber(micros) / 1000000
end

-- A term that began further ahead than this is void: the clock has been set back since.
local SLACK = 5

local function holds(since, over, now)
  return since and over and tonumber(since) <= now + SLACK and tonumber(over) > now
end

-- `messages` maps a number to job, NUL and message; `outbox` and `schedule` contain the numbers in their order,
-- and `scheduled` says since when a message is in the schedule.
-- Numbers have leading zeros, so that the older of two messages with the same time comes first.
local function keep(job, message)
  local number = string.format('%016d', call('INCR', key('number')))
  call('HSET', key('messages'), number, job .. '\0' .. message)
  call('SADD', key('numbers', job), number)
  return number
end

local function send(job, message)
  local number = keep(job, message)
  call('ZADD', key('outbox'), tonumber(number), number)
end

local function plan(job, wait, message)
  local number, now = keep(job, message), clock()
  call('ZADD', key('schedule'), now + wait, number)
  call('ZADD', key('scheduled'), now, number)
  return number
end

local function drop_message(number)
  local kept = call('HGET', key('messages'), number)
  if kept then
    local job = string.sub(kept, 1, string.find(kept, '\0', 1, true) - 1)
    call('SREM', key('numbers', job), number)
    call('SREM', key('parked', job), number)
  end
  call('HDEL', key('messages'), number)
  call('ZREM', key('outbox'), number)
  call('ZREM', key('schedule'), number)
  call('ZREM', key('scheduled'), number)
end

local function withdraw(job)
  for _, number in ipairs(call('SMEMBERS', key('numbers', job))) do
    drop_message(number)
  end
  call('DEL', key('moves', job), key('moved', job), key('move-names', job), key('in-work', job))
end

local function drop_pass(pass_id, with_counts)
  for _, kind in ipairs({'tasks', 'work', 'cursors', 'objects', 'collections', 'candidates'}) do
    call('DEL', key(kind, pass_id))
  end
  if with_counts then
    call('DEL', key('pass', pass_id))
  end
end

local function drop_job(name)
  withdraw(name)
  for _, pass_id in ipairs(call('LRANGE', key('passes', name), 0, -1)) do
    drop_pass(pass_id, true)
  end
  drop_pass(call('HGET', key('job', name), 'live_pass') or '', true)
  call('DEL', key('passes', name), key('problems', name), key('problem-order', name), key('job', name))
  call('ZREM', key('jobs'), name)
end

-- Returns the active job that conflicts with this name and target, or nil.
local function in_the_way(name, target, allow_overlap)
  for _, other in ipairs(call('ZRANGE', key('jobs'), 0, -1)) do
    local state, place = unpack(call('HMGET', key('job', other), 'state', 'target'))
    if ACTIVE[state] then
      local one, two = target .. '/', place .. '/'
      local overlap = string.sub(one, 1, #two) == two or string.sub(two, 1, #one) == one
      if other == name or (overlap and not allow_overlap) then
        return other
      end
    end
  end
end

local function add(pass_id, counts)
  for name, count in pairs(counts) do
    call('HINCRBY', key('pass', pass_id), name, count)
  end
end

-- The moves of a job in their order, the names of each, and an index of all names: path, NUL, kind, number, NUL, task.
local function move_name(path, move, number, task)
  return path .. '\0' .. move.directory .. string.format('%016d', number) .. '\0' .. task
end

local function add_move(job, task, move)
  local number = call('INCR', key('number'))
  call('ZADD', key('moves', job), number, task)
  call('HSET', key('moved', job), task .. ' old', move.old, task .. ' new', move.new, task .. ' directory', move.directory)
  for _, path in ipairs({move.old, move.new}) do
    call('ZADD', key('move-names', job), 0, move_name(path, move, number, task))
  end
end

local function settle_move(job, task)
  local number = call('ZSCORE', key('moves', job), task)
  if number then
    local fields = {task .. ' old', task .. ' new', task .. ' directory'}
    local old, new, directory = unpack(call('HMGET', key('moved', job), unpack(fields)))
    local move = {directory = directory}
    for _, path in ipairs({old, new}) do
      call('ZREM', key('move-names', job), move_name(path, move, tonumber(number), task))
    end
    call('ZREM', key('moves', job), task)
    call('HDEL', key('moved', job), unpack(fields))
  end
end

local function not_in_work(job, task, round)
  local packed = call('HGET', key('in-work', job), task)
  if packed and cmsgpack.unpack(packed).round == round then
    call('HDEL', key('in-work', job), task)
  end
end

local function add_child(job, pass_id, child)
  call('HSET', key('tasks', pass_id), child.task, 0)
  call('HSET', key('work', pass_id), child.task, child.message)
  add(pass_id, {tasks = 1})
  if child.move then
    add_move(job, child.task, child.move)
  end
  if child.delay then
    plan(job, child.delay, child.message)
  else
    send(job, child.message)
  end
end
