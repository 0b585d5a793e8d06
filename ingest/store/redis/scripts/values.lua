-- The values of handlers: a Redis string or list per key. The time of expiry and the time when it was set are
-- stored separately. `value-keys` contains all keys in order.
local keys, expiry, since = key('value-keys'), key('value-expiry'), key('value-since')
local now = clock()
local value = args.key and key('value', args.key)

local function remove(name)
  call('ZREM', keys, name)
  call('ZREM', expiry, name)
  call('ZREM', since, name)
  return call('DEL', key('value', name))
end

local function expire(seconds)
  if seconds then
    call('ZADD', expiry, now + seconds, args.key)
    call('ZADD', since, now, args.key)
  else
    call('ZREM', expiry, args.key)
    call('ZREM', since, args.key)
  end
end

local function refuse_unless(kind)
  local found = call('TYPE', value).ok
  if found ~= 'none' and found ~= kind then
    error({err = 'KIND holds a ' .. found})
  end
end

local operations = {}

function operations.get()
  refuse_unless('string')
  return call('GET', value)
end

function operations.set()
  if args.only_new and call('EXISTS', value) == 1 then
    return 0
  end
  call('SET', value, args.value)
  call('ZADD', keys, 0, args.key)
  expire(args.seconds)
  return 1
end

function operations.add()
  refuse_unless('string')
  local sum = redis.pcall('INCRBY', value, args.amount)
  if type(sum) == 'table' then
    error({err = 'KIND holds no whole number'})
  end
  call('ZADD', keys, 0, args.key)
  return call('GET', value)
end

function operations.push()
  refuse_unless('list')
  for _, each in ipairs(args.values) do
    call(args.left and 'LPUSH' or 'RPUSH', value, each)
    call('ZADD', keys, 0, args.key)
  end
  return call('LLEN', value)
end

function operations.range()
  refuse_unless('list')
  return call('LRANGE', value, args.first, args.last)
end

function operations.count()
  refuse_unless('list')
  return call('LLEN', value)
end

function operations.delete()
  return remove(args.key)
end

function operations.expire()
  if call('EXISTS', value) == 0 then
    return 0
  end
  expire(args.seconds)
  return 1
end

function operations.expiry()
  local over = call('ZSCORE', expiry, args.key)
  return {call('EXISTS', value), over and tostring(over - now)}
end

function operations.keys()
  return call('ZRANGEBYLEX', keys, '[' .. args.prefix, args.beyond and '(' .. args.beyond or '+')
end

for _, name in ipairs(call('ZRANGEBYSCORE', expiry, '-inf', now)) do
  remove(name)
end
for _, name in ipairs(call('ZRANGEBYSCORE', since, now + SLACK, '+inf')) do
  remove(name) -- the clock has been set back
end
return operations[args.operation]()
